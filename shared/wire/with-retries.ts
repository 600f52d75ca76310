/**
 * @file The one timeout rule: a call fails when nothing moves any more, not because its work is
 *   long.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { RegmeanError } from '../errors.ts';
import { fromStatus, isServiceError, isWorthRetrying } from './status.ts';

/** How long nothing may move before a call is given up, in milliseconds. */
export const defaultStallTimeoutMs = 60_000;
const firstBackoffMs = 250;
const maxBackoffMs = 5_000;

/** When to give up, and whom to tell about a new try. */
export interface RetryOptions {
  /** Address of the merger, for messages. */
  readonly address: string;
  readonly stallTimeoutMs?: number;
  /** Ends the call, for instance on Ctrl-C. */
  readonly signal?: AbortSignal;
  /** Told why and when the call is tried again. */
  readonly onRetry?: (error: RegmeanError, delayMs: number) => void;
}

/** What one try may use. */
export interface Attempt {
  /** Aborted, with a RegmeanError, when the try must end. */
  readonly signal: AbortSignal;
  /** To be called whenever something moved: bytes that were new, or a sign of life. */
  readonly progress: () => void;
}

/**
 * Tries until it succeeds, with growing pauses, as long as something moved in the last
 * `stallTimeoutMs`.
 *
 * @throws RegmeanError of the last failure; at once for what another try would not change
 */
export async function withRetries<T>(
  options: RetryOptions,
  attempt: (context: Attempt) => Promise<T>,
): Promise<T> {
  const { address, stallTimeoutMs = defaultStallTimeoutMs, onRetry } = options;
  let movedAt = performance.now();
  let backoffMs = firstBackoffMs;
  let lastFailure: RegmeanError | undefined;
  for (;;) {
    const abort = new AbortController();
    const stop = (): void =>
      abort.abort(new RegmeanError('interrupted', 'stopped; the same command continues'));
    if (options.signal?.aborted === true) stop();
    options.signal?.addEventListener('abort', stop);
    const stalled = (): void =>
      abort.abort(
        lastFailure ?? new RegmeanError('network', `${address}: no bytes for ${stallTimeoutMs / 1000} s`),
      );
    let timer = setTimeout(stalled, movedAt + stallTimeoutMs - performance.now());
    const progress = (): void => {
      movedAt = performance.now();
      backoffMs = firstBackoffMs;
      lastFailure = undefined;
      clearTimeout(timer);
      timer = setTimeout(stalled, stallTimeoutMs);
    };
    try {
      abort.signal.throwIfAborted();
      return await attempt({ signal: abort.signal, progress });
    } catch (error) {
      if (abort.signal.aborted) throw abort.signal.reason;
      if (!isServiceError(error)) throw error;
      const failure = fromStatus(error, address);
      if (!isWorthRetrying(error) || performance.now() - movedAt > stallTimeoutMs) throw failure;
      lastFailure = failure;
      onRetry?.(failure, backoffMs);
      await sleep(backoffMs, undefined, { signal: abort.signal }).catch(() => {
        throw abort.signal.reason;
      });
      backoffMs = Math.min(2 * backoffMs, maxBackoffMs);
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', stop);
    }
  }
}
