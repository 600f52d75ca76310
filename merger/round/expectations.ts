/** @file What a round asks of a contribution. */
import type { ContributionExpectations } from '../../shared/contribution/validate-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { outputNames } from '../../shared/models/labels.ts';
import { readConfigJson } from '../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../shared/models/model-graph.ts';
import { architectureOf } from '../../shared/models/registry.ts';
import { openModelWeights } from '../../shared/safetensors/model-weights.ts';
import type { StoredRound } from './round-store.ts';

/**
 * The round's demands on the contribution of `agent`. For a known architecture the tensors must be exactly those of
 * the base model's configuration with the round's task head; for another one, those that the base model has too must
 * have its shapes.
 */
export async function expectationsOf(
  { paths, recipe, base }: StoredRound,
  agent: string,
): Promise<ContributionExpectations> {
  const common = {
    agent,
    baseFingerprint: base.fingerprint,
    task: recipe.task,
    labels: recipe.labels,
    grams: recipe.statistics.grams,
    fisher: recipe.statistics.fisher !== undefined,
  };
  const configJson = await readConfigJson(paths.base);
  try {
    const architecture = architectureOf(configJson.model_type);
    const identity = {
      architecture,
      config: architecture.parseConfig(configJson),
      task: recipe.task,
      labels: outputNames(recipe.task, recipe.labels),
    };
    const { parameters } = buildModelGraph(identity, { withLoss: false, dropoutSeed: null });
    const tensors = new Map(
      [...parameters].map(([name, { value }]) => [name, { shape: value.shape.map(Number) }]),
    );
    return { ...common, tensors };
  } catch (error) {
    if (!(error instanceof RegmeanError) || error.code !== 'unsupported') throw error;
  }
  const weights = await openModelWeights(paths.base);
  await weights.close();
  return { ...common, baseTensors: weights.tensors };
}
