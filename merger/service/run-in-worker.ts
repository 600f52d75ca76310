/**
 * @file Runs one piece of heavy work in a worker thread; its errors come back as they were thrown.
 */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { type ErrorCode, messageOf, RegmeanError } from '../../shared/errors.ts';

/** What a worker says: its progress, and at the end how it went. */
type WorkerMessage<Progress> =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'done' }
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly code: ErrorCode | undefined;
      readonly hint: string | undefined;
    };

/**
 * Runs the worker module at `url` with `input`.
 *
 * @param signal ends the worker at once
 * @throws what the worker threw; a RegmeanError keeps its code and hint
 */
export function runInWorker<Progress>(
  url: URL,
  input: unknown,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(url, { workerData: input });
    const stop = (): void => {
      reject(new RegmeanError('interrupted', 'the merger is stopping'));
      void worker.terminate();
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    worker.on('message', (message: WorkerMessage<Progress>) => {
      if (message.kind === 'progress') onProgress(message.progress);
      else if (message.kind === 'done') resolve();
      else if (message.code === undefined) reject(new Error(message.message));
      else {
        const hint = message.hint === undefined ? {} : { hint: message.hint };
        reject(new RegmeanError(message.code, message.message, hint));
      }
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      signal.removeEventListener('abort', stop);
      reject(new Error(`the worker ended with exit code ${code} before its work was done`));
    });
  });
}

/** To be called by a worker module: does `work` on its input and reports how it went. */
export function serveWorker<Input, Progress>(
  work: (input: Input, onProgress: (progress: Progress) => void) => Promise<void>,
): void {
  const port = parentPort;
  if (port === null) throw new Error('serveWorker: must run in a worker thread');
  const send = (message: WorkerMessage<Progress>): void => port.postMessage(message);
  work(workerData as Input, (progress) => send({ kind: 'progress', progress })).then(
    () => send({ kind: 'done' }),
    (error: unknown) =>
      send({
        kind: 'failed',
        message: messageOf(error),
        code: error instanceof RegmeanError ? error.code : undefined,
        hint: error instanceof RegmeanError ? error.hint : undefined,
      }),
  );
}
