/** @file Follows a round's events until it is where it is waited for. */
import type { ClientReadableStream } from '@grpc/grpc-js';
import { RegmeanError } from '../../shared/errors.ts';
import type { MergerConnection } from '../../shared/wire/connection.ts';
import type { RoundEvent__Output } from '../../shared/wire/generated/regmean/v1/RoundEvent.ts';
import type { RoundState } from '../../shared/wire/generated/regmean/v1/RoundState.ts';
import { type RetryOptions, withRetries } from '../../shared/wire/with-retries.ts';

/** Who is told what happens meanwhile. */
export interface WaitOptions extends Omit<RetryOptions, 'address'> {
  readonly onEvent?: (event: RoundEvent__Output) => void;
}

/**
 * Resolves when the round is merged; survives restarts of the merger.
 *
 * @throws RegmeanError when the round fails, or the merger cannot be reached any more
 */
export async function waitForMerge(connection: MergerConnection, options: WaitOptions): Promise<void> {
  await waitForState(connection, ['ROUND_STATE_MERGED'], options);
}

/**
 * Resolves to the first of `states` that the round comes to.
 *
 * @throws RegmeanError when the round fails, or the merger cannot be reached any more
 */
export async function waitForState(
  { address, client }: MergerConnection,
  states: readonly RoundState[],
  options: WaitOptions,
): Promise<RoundState> {
  return withRetries({ address, ...options }, async ({ signal, progress }) => {
    const call: ClientReadableStream<RoundEvent__Output> = client.WatchRound({});
    const cancel = (): void => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const event of call as AsyncIterable<RoundEvent__Output>) {
        progress();
        options.onEvent?.(event);
        const state = event.round?.state;
        if (state !== undefined && states.includes(state)) return state;
        if (event.round?.state === 'ROUND_STATE_FAILED') {
          throw new RegmeanError(
            'refused',
            `${address}: the round ${event.round.name} failed: ${event.round.failure}`,
          );
        }
      }
    } finally {
      signal.removeEventListener('abort', cancel);
      call.cancel();
    }
    throw new RegmeanError('network', `${address}: the events ended before the round did`);
  });
}
