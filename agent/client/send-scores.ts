import type { ServiceError } from '@grpc/grpc-js';
import type { MergerConnection } from '../../shared/wire/connection.ts';
import type { SendScoresRequest } from '../../shared/wire/generated/regmean/v1/SendScoresRequest.ts';
import { type RetryOptions, withRetries } from '../../shared/wire/with-retries.ts';

/**
 * Tells the merger how good the candidates are on the agent's data.
 *
 * @throws RegmeanError when it refuses them or cannot be reached
 */
export async function sendScores(
  { address, client }: MergerConnection,
  retry: Omit<RetryOptions, 'address'>,
  request: SendScoresRequest,
): Promise<void> {
  await withRetries({ address, ...retry }, ({ signal }) => {
    return new Promise<void>((resolve, reject) => {
      const call = client.SendScores(request, (error: ServiceError | null) => {
        if (error === null) resolve();
        else reject(error);
      });
      signal.addEventListener('abort', () => call.cancel(), { once: true });
    });
  });
}
