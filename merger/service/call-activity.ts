import { setTimeout as sleep } from 'node:timers/promises';

/** Which calls a server is answering, and since when it answers none. */
export interface CallActivity {
  /** Counts a call until its work is done. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Resolves when no call was there for `quietMs`, or when the signal asks to wait no longer. */
  quiet(quietMs: number, signal: AbortSignal): Promise<void>;
}

/** Begins to count. */
export function createCallActivity(): CallActivity {
  let open = 0;
  let lastMs = performance.now();
  return {
    async during(work) {
      open++;
      try {
        return await work;
      } finally {
        open--;
        lastMs = performance.now();
      }
    },
    async quiet(quietMs, signal) {
      for (;;) {
        const rest = open > 0 ? quietMs : quietMs - (performance.now() - lastMs);
        if (rest <= 0 || signal.aborted) return;
        await sleep(rest, undefined, { signal }).catch(() => {});
      }
    },
  };
}
