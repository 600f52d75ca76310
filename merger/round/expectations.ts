/** @file What a round asks of a contribution. */
import type { ContributionExpectations } from '../../shared/contribution/validate-contribution.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import type { Recipe } from '../recipe/recipe.ts';
import type { StoredRound } from './round-store.ts';

/**
 * The round's demands on the contribution of `agent`: its network must be the base's, and its
 * tensors exactly those of the base with the round's task head.
 *
 * @throws RegmeanError `unsupported` when the base's tensors with that head cannot be told: nothing
 *   weaker is ever asked instead
 */
export async function expectationsOf(
  { paths, recipe, base }: StoredRound,
  agent: string,
): Promise<ContributionExpectations> {
  return {
    agent,
    baseFingerprint: base.fingerprint,
    task: recipe.task,
    labels: recipe.labels,
    grams: recipe.statistics.grams,
    needsGram: (weight) => isSolvedFor(weight, recipe),
    fisher: recipe.statistics.fisher !== undefined,
    tensors: await withModel(paths.base, (model) => model.tensorsFor(recipe.task, recipe.labels)),
    networkOf: paths.base,
    allowDifferent: recipe.merge.allowDifferent,
  };
}

/** Whether the recipe leaves a parameter to the merge method. */
function isSolvedFor(parameter: string, { merge: { average, include, exclude } }: Recipe): boolean {
  const matches = (patterns: readonly string[]): boolean =>
    patterns.some((pattern) => new RegExp(pattern).test(parameter));
  return !matches(average) && !matches(exclude) && (include.length === 0 || matches(include));
}
