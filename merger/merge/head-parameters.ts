/** @file Which parameters belong to a model's head, and which of those have a row per class: asked of its graph. */
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { buildModelGraph } from '../../shared/models/model-graph.ts';
import { architectureOf } from '../../shared/models/registry.ts';
import type { ParameterDeclaration } from '../../shared/models/scope.ts';
import type { TaskKind } from '../../shared/task.ts';
import { formatShape } from '../../shared/tensor.ts';
import { labelsOf } from './label-spaces.ts';

/**
 * Parameters of the head whose first dimension counts classes: the last linear layer's weight and bias.
 *
 * @throws RegmeanError `unsupported` for a model family that is not known
 */
export function classRowParameters(contribution: Contribution): ReadonlySet<string> {
  const count = labelsOf(contribution)?.length ?? 1;
  const own = declarationsOf(contribution, count);
  const larger = declarationsOf(contribution, count + 1);
  const shape = (declared: ParameterDeclaration | undefined): string =>
    formatShape((declared?.value.shape ?? []).map(Number));
  return new Set([...own.keys()].filter((name) => shape(own.get(name)) !== shape(larger.get(name))));
}

/**
 * Parameters of the head.
 *
 * @throws RegmeanError `unsupported` for a model family that is not known
 */
export function headParameters(contribution: Contribution): ReadonlySet<string> {
  const declared = declarationsOf(contribution, labelsOf(contribution)?.length ?? 1);
  return new Set([...declared].filter(([, { inHead }]) => inHead).map(([name]) => name));
}

function declarationsOf(
  contribution: Contribution,
  labelCount: number,
): ReadonlyMap<string, ParameterDeclaration> {
  const { config, agent } = contribution;
  try {
    const architecture = architectureOf(config.model_type);
    const identity = {
      architecture,
      config: architecture.parseConfig(config),
      task: taskOf(contribution),
      labels: Array.from({ length: labelCount }, (_, id) => `${id}`),
    };
    return buildModelGraph(identity, { withLoss: false, dropoutSeed: null }).parameters;
  } catch (error) {
    if (!(error instanceof RegmeanError)) throw error;
    throw new RegmeanError(error.code, `${agent}: ${error.message}`, {
      cause: error,
      hint: 'heads with different classes, or of their own, need a model family that is known',
    });
  }
}

/** The task of a contribution; for folders made elsewhere, of the class that config.json names. */
function taskOf({ manifest, config }: Contribution): TaskKind {
  if (manifest !== undefined) return manifest.task;
  return JSON.stringify(config.architectures ?? []).includes('ForTokenClassification')
    ? 'token-classification'
    : 'text-classification';
}
