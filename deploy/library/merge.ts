import { mergeContributions } from '../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../merger/merge/merge-options.ts';
import type { MergeReport } from '../../merger/merge/merge-report.ts';
import { defaultMethod } from '../../merger/methods/registry.ts';
import { createRunContext, type RunContextOptions } from '../../shared/runtime/run-context.ts';
import type { WithDefaults } from './with-defaults.ts';

/** What to merge and how; defaults are those of `regmean merge`. */
export interface MergeRequest extends WithDefaults<MergeOptions, 'method'> {
  /** Contribution folders. */
  readonly contributions: readonly string[];
}

/**
 * Merges contributions into one model folder, as `regmean merge` does.
 *
 * @returns what merge-report.json says
 * @throws RegmeanError `interrupted` when the signal stopped it: nothing is written then
 */
export async function merge(request: MergeRequest, run: RunContextOptions = {}): Promise<MergeReport> {
  const { contributions, ...options } = request;
  return mergeContributions(contributions, { method: defaultMethod, ...options }, createRunContext(run), {
    checkFiles: true,
  });
}
