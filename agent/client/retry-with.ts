import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { RetryOptions } from '../../shared/wire/with-retries.ts';

/** The rules of calls that are made in a context: its signal ends them, and new tries are noted. */
export function retryWith(context: RunContext, stallTimeoutMs: number): Omit<RetryOptions, 'address'> {
  return {
    stallTimeoutMs,
    signal: context.signal,
    onRetry: (error, delayMs) => {
      const hint = error.hint === undefined ? '' : ` (${error.hint})`;
      context.note(`${error.message}${hint}; trying again in ${delayMs / 1000} s`);
    },
  };
}
