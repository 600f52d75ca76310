import { type AutoMergeOptions, isAuto } from '../../merger/auto/auto-options.ts';
import { type ChoiceEvidence, mergeAuto } from '../../merger/auto/merge-auto.ts';
import { mergeCandidates as writeCandidates } from '../../merger/auto/merge-candidates.ts';
import { mergeContributions } from '../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../merger/merge/merge-options.ts';
import type { MergeReport } from '../../merger/merge/merge-report.ts';
import { defaultMethod } from '../../merger/methods/registry.ts';
import type { CandidateSet } from '../../shared/candidates/candidate-set.ts';
import { createRunContext, type RunContextOptions } from '../../shared/runtime/run-context.ts';
import type { WithDefaults } from './with-defaults.ts';

interface Merged {
  /** Contribution folders. */
  readonly contributions: readonly string[];
}

/** What to merge and how; defaults are those of `regmean merge`. */
export interface MethodMergeRequest extends WithDefaults<MergeOptions, 'method'>, Merged {}

/** A merge by the best of several candidates. */
export interface AutoMergeRequest extends AutoMergeOptions, ChoiceEvidence, Merged {
  readonly out: string;
}

/** What to merge: by a method, or by the best of several candidates (`method: 'auto'`). */
export type MergeRequest = MethodMergeRequest | AutoMergeRequest;

/** Which candidates to make for agents to score. */
export interface CandidatesRequest extends Omit<AutoMergeOptions, 'method' | 'choose'>, Merged {
  /** The folder to write. */
  readonly out: string;
}

/**
 * Merges contributions into one model folder, as `regmean merge` does.
 *
 * @returns what merge-report.json says
 * @throws RegmeanError `interrupted` when the signal stopped it: nothing is written then
 */
export async function merge(request: MergeRequest, run: RunContextOptions = {}): Promise<MergeReport> {
  const { contributions, ...options } = request;
  const context = createRunContext(run);
  const files = { checkFiles: true };
  const chosen = { method: defaultMethod, ...options };
  if (isAuto(chosen)) {
    const { scoreFiles, validation, ...auto } = chosen;
    const evidence = {
      ...(scoreFiles === undefined ? {} : { scoreFiles }),
      ...(validation === undefined ? {} : { validation }),
    };
    return mergeAuto(contributions, auto, evidence, context, files);
  }
  return mergeContributions(contributions, chosen, context, files);
}

/**
 * Merges contributions by several candidates, for agents to score, as `regmean merge --candidates`
 * does: a model folder for each, and candidates.json.
 *
 * @returns what candidates.json says
 */
export async function mergeCandidates(
  { contributions, ...options }: CandidatesRequest,
  run: RunContextOptions = {},
): Promise<CandidateSet> {
  const request = { method: 'auto', ...options } as const;
  return writeCandidates(contributions, request, createRunContext(run), { checkFiles: true });
}
