/**
 * @file What goes along with a piece of work, whoever asked for it: what to compute with, how it is
 *   stopped, and whom it tells how far it has come. Commands make one whose words go to the
 *   terminal (shared/cli/command-context.ts); nothing below them writes to a stream.
 */
import { RegmeanError } from '../errors.ts';
import { type Compute, defaultCompute } from './compute.ts';

/** A named piece of work and its size. */
export interface Work {
  /** What is being done: `training`, `uploading grams.safetensors`. */
  readonly label: string;
  /** The amount at which the work is complete. */
  readonly total: number;
  /** Unit of the amounts: `tokens`, `bytes`, `batches`. */
  readonly unit: string;
  /** The amount already done by an earlier run; it takes no part in the rate. */
  readonly initial?: number;
}

/** Receives how far one piece of work has come. */
export interface Progress {
  /** Sets the amount done so far, with an optional remark such as `loss 0.312`. */
  update(done: number, remark?: string): void;
  /** Ends the work with a closing remark. */
  finish(remark?: string): void;
}

/** What every long function receives. */
export interface RunContext {
  readonly compute: Compute;
  /** Stops the work between two steps. */
  readonly signal: AbortSignal;
  /** Begins to tell how far a piece of work has come. */
  progress(work: Work): Progress;
  /** Tells what people should know and what is no error, such as rows that were cut. */
  note(message: string): void;
}

/** How far a piece of work has come. */
export interface ProgressEvent extends Work {
  readonly done: number;
  readonly remark?: string;
  /** Whether the work is complete. */
  readonly finished: boolean;
}

/** What a caller may give; what is absent is the default, no limit, or silence. */
export interface RunContextOptions {
  readonly compute?: Compute;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: ProgressEvent) => void;
  readonly onNote?: (message: string) => void;
}

/** A context for callers that are no command. */
export function createRunContext(options: RunContextOptions = {}): RunContext {
  const { compute = defaultCompute, signal = new AbortController().signal } = options;
  const { onProgress = () => {}, onNote = () => {} } = options;
  return {
    compute,
    signal,
    note: onNote,
    progress(work) {
      let done = work.initial ?? 0;
      const tell = (finished: boolean, remark: string | undefined): void =>
        onProgress({ ...work, done, finished, ...(remark === undefined ? {} : { remark }) });
      return {
        update(now, remark) {
          done = now;
          tell(false, remark);
        },
        finish: (remark) => tell(true, remark),
      };
    },
  };
}

/** The same context for a step of a larger work, which alone tells how far it has come. */
export function withoutProgress(context: RunContext): RunContext {
  return { ...context, progress: () => ({ update() {}, finish() {} }) };
}

/**
 * @param stopped what is told of work that ends here: `training stopped at step 12`
 * @throws RegmeanError `interrupted` when the signal asks to stop
 */
export function stopIfAsked({ signal }: Pick<RunContext, 'signal'>, stopped: () => string): void {
  if (signal.aborted) throw new RegmeanError('interrupted', stopped());
}
