/** @file What an adapter's base says of its head and its layers. */
import { indexLayers, type LayerIndex } from '../models/layer-index.ts';
import { linearLayersOf } from '../models/linear-layers.ts';
import { buildModelGraph, type ModelIdentity } from '../models/model-graph.ts';
import { architectureOf, isKnownArchitecture } from '../models/registry.ts';
import type { TaskKind } from '../task.ts';

type ConfigJson = Readonly<Record<string, unknown>>;

/** Names of the parameters of a task's head; none where the family is not known. */
export function headNames(baseConfig: ConfigJson, task: TaskKind): ReadonlySet<string> {
  const model = identityOf(baseConfig, task);
  if (model === null) return new Set();
  const { parameters } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  return new Set([...parameters].flatMap(([name, { inHead }]) => (inHead ? [name] : [])));
}

/** The linear layers of the base with a head for the task; null where the family is not known. */
export function baseLayers(baseConfig: ConfigJson, task: TaskKind): LayerIndex | null {
  const model = identityOf(baseConfig, task);
  return model === null ? null : indexLayers(linearLayersOf(model), model.architecture.backboneName);
}

function identityOf(baseConfig: ConfigJson, task: TaskKind): ModelIdentity | null {
  if (!isKnownArchitecture(baseConfig.model_type)) return null;
  const architecture = architectureOf(baseConfig.model_type);
  return { architecture, config: architecture.parseConfig(baseConfig), task, labels: ['LABEL_0'] };
}
