import { computeOf } from '../runtime/compute.ts';
import type { RunContext } from '../runtime/run-context.ts';
import { interruptSignal } from './interrupt.ts';
import { createReporter } from './progress.ts';

/**
 * The context of a command: its flags say what to compute with, Ctrl-C stops it, and standard error
 * shows progress and notes.
 */
export function commandContext(flags: { readonly threads?: number | undefined } = {}): RunContext {
  return {
    compute: computeOf(flags),
    signal: interruptSignal(),
    ...createReporter(process.stderr),
  };
}
