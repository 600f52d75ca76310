import type { Compute } from '../../shared/runtime/compute.ts';
import { createRunContext, type RunContext } from '../../shared/runtime/run-context.ts';

/** One thread, so that equal inputs give equal bytes on every machine. */
export const oneThread: Compute = { threads: 1 };

/** A context that computes on one thread and tells nobody. */
export const quietContext: RunContext = createRunContext({ compute: oneThread });

/** Such a context, and what it is told. */
export function recordingContext(): RunContext & { readonly notes: readonly string[] } {
  const notes: string[] = [];
  return { ...quietContext, notes, note: (message) => notes.push(message) };
}
