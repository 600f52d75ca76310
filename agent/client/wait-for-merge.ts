/** @file Follows a round's events until it is where it is waited for. */
import type { ClientReadableStream } from '@grpc/grpc-js';
import { RegmeanError } from '../../shared/errors.ts';
import type { MergerConnection } from '../../shared/wire/connection.ts';
import type { Round__Output } from '../../shared/wire/generated/regmean/v1/Round.ts';
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
export function waitForState(
  connection: MergerConnection,
  states: readonly RoundState[],
  options: WaitOptions,
): Promise<RoundState> {
  return waitUntil(connection, ({ state }) => states.includes(state), options);
}

/**
 * Resolves when the round is merged, or asks an agent, which has not answered yet, for scores or
 * for something again.
 *
 * @throws RegmeanError when the round fails, or the merger cannot be reached any more
 */
export function waitToBeAsked(
  connection: MergerConnection,
  name: string,
  options: WaitOptions,
): Promise<RoundState> {
  const isAsked = ({ state, agents }: Round__Output): boolean => {
    const own = agents.find((agent) => agent.name === name);
    if (state === 'ROUND_STATE_SCORING') return own?.hasScored !== true;
    return state === 'ROUND_STATE_REFINING' ? own?.hasRefined !== true : state === 'ROUND_STATE_MERGED';
  };
  return waitUntil(connection, isAsked, options);
}

/** Resolves to the state of the round once it is as it is waited for. */
async function waitUntil(
  { address, client }: MergerConnection,
  isReached: (round: Round__Output) => boolean,
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
        if (event.round && isReached(event.round)) return event.round.state;
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
