/**
 * @file What it means that a checkpoint has more tensors than its model: often a head of
 *   pretraining, sometimes a wrong config.json.
 */
import type { RunContext } from '../runtime/run-context.ts';
import type { TaskKind } from '../task.ts';
import type { ModelIdentity } from './model-graph.ts';

type Parameters = Pick<ReadonlyMap<string, unknown>, 'has' | 'keys'>;

const shownNames = 8;

/** Tensors that are not used. */
export interface Surplus {
  /** Path of the model. */
  readonly model: string;
  readonly task: TaskKind;
  readonly surplus: readonly string[];
}

/** Tells which tensors of a model a task has no place for, where there are any. */
export function noteSurplus({ model, task, surplus }: Surplus, context: Pick<RunContext, 'note'>): void {
  if (surplus.length === 0) return;
  const more = surplus.length > shownNames ? `, and ${surplus.length - shownNames} more` : '';
  const shown = surplus.slice(0, shownNames).join(', ');
  context.note(`${model}: not used by ${task}: ${shown}${more}`);
}

/**
 * Tensors that a model has no place for, without those that every reader knows: heads of
 * pretraining, copies of tied parameters.
 *
 * @param tensors canonical names
 */
export function surplusOf(
  tensors: Iterable<string>,
  parameters: Parameters,
  { architecture, config }: Pick<ModelIdentity, 'architecture' | 'config'>,
): readonly string[] {
  const copies = architecture.tiedCopies(config);
  const isKnown = (name: string): boolean =>
    Object.hasOwn(copies, name) || architecture.ignoredParameters.some((pattern) => pattern.test(name));
  return [...tensors].filter((name) => !parameters.has(name) && !isKnown(name));
}

/**
 * Tensors without which the model would compute something else than what its checkpoint is: layers
 * that config.json does not count, and biases of layers that have none by it.
 *
 * @param surplus tensors that the model has no place for
 * @param parameters of the model
 * @param backboneName what checkpoints of the bare backbone leave out
 * @param isNew whether a parameter begins anew, so that what was beside it is of another head
 * @returns what is wrong, one text for each list of layers and one for each bias
 */
export function contradictions(
  surplus: readonly string[],
  parameters: Parameters,
  backboneName: string,
  isNew: (name: string) => boolean,
): readonly string[] {
  const found = new Map<string, string>();
  for (const tensor of surplus) {
    for (const name of [tensor, `${backboneName}.${tensor}`]) {
      const layers = layersBefore(name, parameters);
      if (layers !== null) {
        const { list, count } = layers;
        const says = `config.json says ${count} ${count === 1 ? 'layer' : 'layers'} in ${list}`;
        if (!found.has(list)) found.set(list, `${tensor} has no place, ${says}`);
      } else if (isUndeclaredBias(name, parameters, isNew)) {
        found.set(name, `${tensor} has no place, config.json says that ${name.slice(0, -5)} has no bias`);
      }
    }
  }
  return [...found.values()];
}

/**
 * The list of layers that a tensor would go on, and how many there are: a parameter of the same
 * name has a smaller number.
 */
function layersBefore(name: string, parameters: Parameters): { list: string; count: number } | null {
  const parts = name.split('.');
  for (const [position, part] of parts.entries()) {
    if (!/^\d+$/.test(part)) continue;
    const list = parts.slice(0, position).join('.');
    const named = (layer: number): string => [list, layer, ...parts.slice(position + 1)].join('.');
    const count = layersIn(list, parameters);
    if (Number(part) < count) continue;
    if (Array.from({ length: count }, (_, layer) => named(layer)).some((other) => parameters.has(other))) {
      return { list, count };
    }
  }
  return null;
}

function layersIn(list: string, parameters: Parameters): number {
  const numbers = new Set<string>();
  for (const name of parameters.keys()) {
    const number = name.startsWith(`${list}.`) ? /^\d+/.exec(name.slice(list.length + 1))?.[0] : undefined;
    if (number !== undefined) numbers.add(number);
  }
  return numbers.size;
}

function isUndeclaredBias(name: string, parameters: Parameters, isNew: (name: string) => boolean): boolean {
  if (!name.endsWith('.bias')) return false;
  const weight = name.replace(/bias$/, 'weight');
  return parameters.has(weight) && !isNew(weight);
}
