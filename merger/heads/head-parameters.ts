/**
 * @file Which parameters belong to a model's head, and which of those have a row per class: asked
 *   of the model's graph, or, for rows per class of a family that is not known, of the shapes.
 */
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { buildModelGraph } from '../../shared/models/model-graph.ts';
import { architectureOf, isKnownArchitecture } from '../../shared/models/registry.ts';
import type { ParameterDeclaration } from '../../shared/models/scope.ts';
import type { TaskKind } from '../../shared/task.ts';
import { formatShape } from '../../shared/tensor.ts';
import { labelsOf } from './label-spaces.ts';

/**
 * Parameters whose first dimension counts classes: the weight and bias of the head's last linear
 * layer.
 *
 * @param contributions of one model family and task
 * @throws RegmeanError `unsupported` when the shapes of an unknown family do not tell them
 */
export function classRowParameters(contributions: readonly Contribution[]): ReadonlySet<string> {
  const first = contributions[0] as Contribution;
  if (!isKnownArchitecture(first.config.model_type)) return classRowsByShape(contributions);
  const count = countLabels(first);
  const own = declarationsOf(first, count);
  const larger = declarationsOf(first, count + 1);
  const shape = (declared: ParameterDeclaration | undefined): string =>
    formatShape((declared?.value.shape ?? []).map(Number));
  return new Set([...own.keys()].filter((name) => shape(own.get(name)) !== shape(larger.get(name))));
}

/**
 * The one linear layer that has as many outputs in each contribution as its head has classes.
 * Embeddings are none: the table of two token types would look like a head of two classes.
 */
function classRowsByShape(contributions: readonly Contribution[]): ReadonlySet<string> {
  const first = contributions[0] as Contribution;
  const shapes = [...first.weights.tensors];
  const hasClassRows = (name: string): boolean =>
    contributions.every((own) => own.weights.tensors.get(name)?.shape[0] === countLabels(own));
  const weights = shapes.flatMap(([name, { shape }]) =>
    shape.length === 2 && name.endsWith('.weight') && !/(embed|wte|wpe)/i.test(name) && hasClassRows(name)
      ? [name]
      : [],
  );
  const [weight, second] = weights;
  if (weight === undefined || second !== undefined) {
    const found = weights.length === 0 ? 'none has' : `got ${weights.join(', ')}`;
    throw new RegmeanError(
      'unsupported',
      `${first.agent}: one layer must have as many outputs as there are classes, ${found}`,
      { hint: 'heads of this model family cannot be united: give all agents the same classes in one order' },
    );
  }
  const bias = weight.replace(/weight$/, 'bias');
  return new Set(hasClassRows(bias) ? [weight, bias] : [weight]);
}

function countLabels(contribution: Contribution): number {
  return labelsOf(contribution)?.length ?? 1;
}

/**
 * Parameters of the head.
 *
 * @throws RegmeanError `unsupported` for a model family that is not known
 */
export function headParameters(contribution: Contribution): ReadonlySet<string> {
  const declared = declarationsOf(contribution, countLabels(contribution));
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
      hint: 'heads of their own need a model family that is known',
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
