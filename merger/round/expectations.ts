/** @file What a round asks of a contribution. */
import { join } from 'node:path';
import type { AdapterExpectations } from '../../shared/adapters/validate-adapter.ts';
import { headFile } from '../../shared/contribution/head-statistics.ts';
import type { ContributionExpectations } from '../../shared/contribution/validate-contribution.ts';
import { baseFingerprint } from '../../shared/formats/base-fingerprint.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import { headFolder } from '../../shared/wire/agent-models.ts';
import { checkHeadStatistics } from '../merge/fit-head.ts';
import type { Recipe, Refinement } from '../recipe/recipe.ts';
import { refinementPaths } from './refinement-store.ts';
import type { RoundPaths } from './round-paths.ts';
import type { StoredRound } from './round-store.ts';

/**
 * The round's demands on the contribution of `agent`: its network must be the base's, and its
 * tensors exactly those of the base with the round's task head.
 *
 * @param wanted what of the contribution is new, where the agent is asked again
 * @throws RegmeanError `unsupported` when the base's tensors with that head cannot be told: nothing
 *   weaker is ever asked instead
 */
export async function expectationsOf(
  { paths, recipe, base }: StoredRound,
  agent: string,
  wanted?: Refinement,
): Promise<ContributionExpectations> {
  return {
    agent,
    baseFingerprint: base.fingerprint,
    task: recipe.task,
    labels: recipe.labels,
    grams: recipe.statistics.grams !== 'none',
    needsGram: (weight) => isSolvedFor(weight, recipe),
    fisher: recipe.statistics.fisher !== undefined,
    norms: recipe.statistics.norms,
    outputGrams: recipe.statistics.outputGrams !== undefined,
    tensors: await withModel(paths.base, (model) => model.tensorsFor(recipe.task, recipe.labels)),
    networkOf: paths.base,
    allowDifferent: recipe.merge.allowDifferent,
    ...(wanted === 'grams' ? { inputsFrom: await interimFingerprint(paths, recipe, agent) } : {}),
  };
}

/**
 * Checks what an agent was asked for about the head.
 *
 * @throws RegmeanError that names the rule
 */
export async function checkHead(
  { paths, recipe }: StoredRound,
  agent: string,
  folder: string,
): Promise<void> {
  const { model } = refinementPaths(paths, 'head');
  const { task } = recipe;
  const classes = await withModel(model, (own) => own.classNames(task));
  await checkHeadStatistics(model, join(folder, headFile), {
    ...{ agent, task },
    classes: task === 'regression' ? [] : [...(classes ?? recipe.labels)],
  });
}

/** Which model an agent collects Grams in: where heads are kept apart, the one with its own. */
function interimFingerprint(paths: RoundPaths, { merge }: Recipe, agent: string): Promise<string> {
  const { model } = refinementPaths(paths, 'grams');
  return baseFingerprint(merge.heads === 'separate' ? join(model, headFolder(agent)) : model);
}

/** Whether the recipe leaves a parameter to the merge method. */
function isSolvedFor(parameter: string, { merge: { average, include, exclude } }: Recipe): boolean {
  const matches = (patterns: readonly string[]): boolean =>
    patterns.some((pattern) => new RegExp(pattern).test(parameter));
  return !matches(average) && !matches(exclude) && (include.length === 0 || matches(include));
}

/**
 * The round's demands on the adapter of `agent`.
 *
 * @param lora how the recipe wants adapters trained
 */
export function adapterExpectationsOf(
  { paths, recipe, base }: StoredRound,
  agent: string,
  lora: NonNullable<Recipe['training']['lora']>,
): AdapterExpectations {
  const { task, labels, training } = recipe;
  return {
    ...{ agent, task, labels, base: paths.base, baseFingerprint: base.fingerprint },
    lora,
    freeze: training.freeze.map((pattern) => new RegExp(pattern)),
  };
}
