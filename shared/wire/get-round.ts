import type { ServiceError } from '@grpc/grpc-js';
import { RegmeanError } from '../errors.ts';
import type { MergerConnection } from './connection.ts';
import type { BaseModel__Output } from './generated/regmean/v1/BaseModel.ts';
import type { GetRoundResponse__Output } from './generated/regmean/v1/GetRoundResponse.ts';
import type { Round__Output } from './generated/regmean/v1/Round.ts';
import { type RetryOptions, withRetries } from './with-retries.ts';

/** A round as a merger told it, with its base model. */
export type RoundInfo = Round__Output & { readonly base: BaseModel__Output };

/**
 * Asks the merger for its round.
 *
 * @throws RegmeanError when the merger cannot be reached or answers no round
 */
export async function getRound(
  connection: MergerConnection,
  options: Omit<RetryOptions, 'address'>,
): Promise<RoundInfo> {
  const { address, client } = connection;
  return withRetries({ address, ...options }, ({ signal }) => {
    return new Promise<RoundInfo>((resolve, reject) => {
      const call = client.GetRound({}, (error: ServiceError | null, response?: GetRoundResponse__Output) => {
        const round = response?.round;
        if (error !== null) reject(error);
        else if (round?.base) resolve({ ...round, base: round.base });
        else reject(new RegmeanError('network', `${address}: the answer holds no round`));
      });
      signal.addEventListener('abort', () => call.cancel(), { once: true });
    });
  });
}
