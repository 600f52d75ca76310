/**
 * @file Which parameters belong to a model's head, and which of those have a row per class: asked
 *   of the model's graph, or, for rows per class of a family that is not known, of the shapes.
 */
import { contributionTask } from '../../shared/contribution/contribution-layers.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { namedError, RegmeanError } from '../../shared/errors.ts';
import type { ParameterDeclaration } from '../../shared/models/scope.ts';
import { formatShape } from '../../shared/tensor.ts';
import { headClasses } from './label-spaces.ts';

/**
 * Parameters whose first dimension counts classes: the weight and bias of the head's last linear
 * layer.
 *
 * @param contributions of one model family and task
 * @throws RegmeanError `unsupported` when the shapes of an unknown family do not tell them
 */
export function classRowParameters(contributions: readonly Contribution[]): ReadonlySet<string> {
  const first = contributions[0] as Contribution;
  const count = countLabels(first);
  const own = declarationsOf(first, count);
  const larger = declarationsOf(first, count + 1);
  if (own === null || larger === null) return classRowsByShape(contributions);
  const shape = (declared: ParameterDeclaration | undefined): string =>
    formatShape((declared?.value.shape ?? []).map(Number));
  return new Set([...own.keys()].filter((name) => shape(own.get(name)) !== shape(larger.get(name))));
}

/**
 * The one linear layer that has as many outputs in each contribution as its head has classes. Of
 * several matrices with as many rows it is the one with a bias: the table of two token types, which
 * has none, looks like a head of two classes.
 */
function classRowsByShape(contributions: readonly Contribution[]): ReadonlySet<string> {
  const first = contributions[0] as Contribution;
  const shapes = [...first.weights.tensors];
  const hasClassRows = (name: string): boolean =>
    contributions.every((own) => own.weights.tensors.get(name)?.shape[0] === countLabels(own));
  const matrices = shapes.flatMap(([name, { shape }]) =>
    shape.length === 2 && name.endsWith('.weight') && hasClassRows(name) ? [name] : [],
  );
  const biased = matrices.filter((name) => hasClassRows(biasOf(name)));
  const weights = matrices.length > 1 && biased.length > 0 ? biased : matrices;
  const [weight, second] = weights;
  if (weight === undefined || second !== undefined) {
    const found = weights.length === 0 ? 'none has' : `got ${weights.join(', ')}`;
    throw new RegmeanError(
      'unsupported',
      `${first.agent}: one layer must have as many outputs as there are classes, ${found}`,
      { hint: 'heads of this model family cannot be united: give all agents the same classes in one order' },
    );
  }
  return new Set(biased.includes(weight) ? [weight, biasOf(weight)] : [weight]);
}

function biasOf(weight: string): string {
  return weight.replace(/weight$/, 'bias');
}

function countLabels(contribution: Contribution): number {
  return headClasses(contribution)?.length ?? 1;
}

/**
 * Parameters of the head.
 *
 * @throws RegmeanError `unsupported` for a model family that is not known
 */
export function headParameters(contribution: Contribution): ReadonlySet<string> {
  const declared = declarationsOf(contribution, countLabels(contribution));
  if (declared === null) {
    const { agent, config } = contribution;
    throw new RegmeanError(
      'unsupported',
      `${agent}: heads of their own need a model family that is known, got ${config.model_type}`,
    );
  }
  return new Set([...declared].filter(([, { inHead }]) => inHead).map(([name]) => name));
}

/** The parameters with a head for so many classes; null for a model family that is not known. */
function declarationsOf(
  contribution: Contribution,
  labelCount: number,
): ReadonlyMap<string, ParameterDeclaration> | null {
  const { model, agent } = contribution;
  const labels = Array.from({ length: labelCount }, (_, id) => `${id}`);
  try {
    return model.parametersFor(contributionTask(contribution), labels);
  } catch (error) {
    throw namedError(agent, error);
  }
}
