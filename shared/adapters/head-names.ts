import { buildModelGraph } from '../models/model-graph.ts';
import { architectureOf, isKnownArchitecture } from '../models/registry.ts';
import type { TaskKind } from '../task.ts';

/** Names of the parameters of a task's head; none where the family is not known. */
export function headNames(
  baseConfig: Readonly<Record<string, unknown>>,
  task: TaskKind,
): ReadonlySet<string> {
  if (!isKnownArchitecture(baseConfig.model_type)) return new Set();
  const architecture = architectureOf(baseConfig.model_type);
  const model = { architecture, config: architecture.parseConfig(baseConfig), task, labels: ['LABEL_0'] };
  const { parameters } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  return new Set([...parameters].flatMap(([name, { inHead }]) => (inHead ? [name] : [])));
}
