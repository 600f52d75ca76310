/** @file What a round asks of a contribution. */
import type { ContributionExpectations } from '../../shared/contribution/validate-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { readConfigJson } from '../../shared/models/config-json.ts';
import { outputNames } from '../../shared/models/labels.ts';
import { buildModelGraph } from '../../shared/models/model-graph.ts';
import { architectureOf } from '../../shared/models/registry.ts';
import { onnxFileOf } from '../../shared/onnx/open-onnx.ts';
import { openWeights } from '../../shared/onnx/open-weights.ts';
import type { ModelWeights } from '../../shared/safetensors/model-weights.ts';
import type { StoredRound } from './round-store.ts';

/**
 * The round's demands on the contribution of `agent`. For a known architecture the tensors must be
 * exactly those of the base model's configuration with the round's task head; for another one,
 * those that the base model has too must have its shapes. Of an ONNX network tensors and graph must
 * be the base's.
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
  if ((await onnxFileOf(paths.base)) !== null) {
    return { ...common, tensors: (await weightsOf(paths.base)).tensors, graphOf: paths.base };
  }
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
  return { ...common, baseTensors: (await weightsOf(paths.base)).tensors };
}

async function weightsOf(base: string): Promise<ModelWeights> {
  const weights = await openWeights(base);
  await weights.close();
  return weights;
}
