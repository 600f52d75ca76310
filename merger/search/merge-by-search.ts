/**
 * @file Coefficients chosen on the central developer's own labelled data: every candidate is merged
 *   and scored.
 */

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withWholeModel } from '../../shared/adapters/with-whole-model.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { scoreFolder } from '../../shared/inference/score-folder.ts';
import { type RunContext, withoutProgress } from '../../shared/runtime/run-context.ts';
import { mergeContributions } from '../merge/merge-contributions.ts';
import type { MergeOptions } from '../merge/merge-options.ts';
import type { MergeReport, SearchReport } from '../merge/merge-report.ts';
import type { TriedValues } from '../methods/merge-keys.ts';
import { candidateCoefficients, defaultTrials, isBetter } from './candidates.ts';
import { openValidation } from './validation.ts';
import type { ValidationSource } from './validation-source.ts';

/** What is searched, and on which data. */
export interface CoefficientSearch extends ValidationSource {
  /** Coefficients to try; 9 for two contributions, 20 for more when absent. */
  readonly trials?: number;
  /** Seed of the draws. */
  readonly seed: number;
  /** Values to try with each of them, of the method's options; the merge's own where none are. */
  readonly values: TriedValues;
}

/**
 * Merges with every candidate, scores each on the validation data by the task's main metric, and
 * writes the best: the same bytes as a merge with those coefficients. Of equals, the nearest to
 * equal coefficients.
 *
 * @throws RegmeanError `usage` for given coefficients, separate heads, or contributions that do not
 *   say their task
 */
export async function mergeBySearch(
  folders: readonly string[],
  options: MergeOptions,
  search: CoefficientSearch,
  context: RunContext,
): Promise<MergeReport> {
  if (options.coefficients !== undefined) {
    throw new RegmeanError('usage', '--validation: chooses coefficients, --coefficients gives them; use one');
  }
  if (options.heads === 'separate') {
    throw new RegmeanError('usage', '--validation: needs one fused model to score, not --heads separate');
  }
  const validation = await openValidation(folders, search);
  const trials = search.trials ?? (folders.length === 2 ? defaultTrials.two : defaultTrials.more);
  const candidates = candidateCoefficients({ count: folders.length, trials, seed: search.seed }).flatMap(
    (coefficients) => combinations(search.values).map((values) => ({ coefficients, values })),
  );
  await mkdir(dirname(options.out), { recursive: true });
  const work = await mkdtemp(join(dirname(options.out), '.regmean-search-'));
  const tried: SearchReport['trials'][number][] = [];
  let best: (Candidate & { readonly score: number }) | null = null;
  let examples = 0;
  let metric = '';
  const progress = context.progress({ label: 'searching', total: candidates.length, unit: 'merges' });
  const ofTrial = withoutProgress(context);
  try {
    for (const [index, { coefficients, values }] of candidates.entries()) {
      progress.update(index, best === null ? undefined : `best so far ${best.score.toFixed(4)}`);
      const out = join(work, 'trial');
      const own: MergeOptions = { ...options, ...values, coefficients, out };
      const isFirst = index === 0;
      const checks = { checkFiles: isFirst, checkBase: isFirst };
      const report = await mergeContributions(folders, own, ofTrial, checks);
      const whole = { base: options.base, task: validation.task };
      const result = await withWholeModel(out, whole, (folder) =>
        scoreFolder({ folder, name: 'the merged model' }, validation, ofTrial),
      );
      const score = result.metrics[result.main] ?? Number.NaN;
      ({ examples, main: metric } = result);
      tried.push({ coefficients, alpha: report.alpha, options: values, score });
      const trial = { coefficients, values, score };
      if (best === null || isBetter(trial, best)) best = trial;
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const { coefficients, values } = best ?? { coefficients: [], values: {} };
  const report = await mergeContributions(folders, { ...options, ...values, coefficients }, ofTrial, {
    search: { metric, examples, trials: tried },
    checkBase: false,
  });
  progress.finish(options.out);
  return report;
}

/** What a trial merges with. */
interface Candidate {
  readonly coefficients: readonly number[];
  readonly values: Readonly<Record<string, number>>;
}

/** Every way to take one value of each option; one way, with no value, of no options. */
function combinations(values: CoefficientSearch['values']): readonly Candidate['values'][] {
  return Object.entries(values).reduce<readonly Candidate['values'][]>(
    (ways, [key, own]) => ways.flatMap((way) => own.map((value) => ({ ...way, [key]: value }))),
    [{}],
  );
}
