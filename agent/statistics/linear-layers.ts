import type { LayerWeight, Orientation } from '../../shared/contribution/layer-weights.ts';
import type { Node, Value } from '../../shared/graph/graph.ts';
import type { ModelGraph } from '../../shared/models/model-graph.ts';
import type { PositionRowsChoice } from './statistics-options.ts';

/** Activations that linear layers read, and the layers that read them. */
export interface LinearGroup {
  /** Name of the Gram: the first module that reads the activations. */
  readonly name: string;
  /** Every module that reads them, in the order of the model, and its weight. */
  readonly modules: ReadonlyMap<string, LayerWeight>;
  /**
   * One per use of the layers, each [rows, inputs] or with several axes of rows: several where
   * layers are used several times (tied layers).
   */
  readonly inputs: readonly Value[];
}

/** The linear layers of a model, and what it has no Grams for. */
export interface LinearLayers {
  readonly groups: readonly LinearGroup[];
  /**
   * Parameters of two or more axes that are no linear layer's weight, nor tables that are looked
   * up.
   */
  readonly others: readonly string[];
}

/**
 * Finds the linear layers of a model in its graph: products whose right side is a parameter of the
 * layer's own (paper, Section 3.3: whatever a forward hook on `nn.Linear` would see). A parameter
 * that is also an embedding table is no linear layer's: tied decoders are averaged with the
 * embedding. Nor is one that is multiplied both as it is and transposed (a tied autoencoder): its
 * two uses have inputs of different features. A layer that is used several times has one Gram, of
 * the rows of all its uses. Layers that read the same activations share a group.
 *
 * @param positionRows whether layers that read tokens and a table of relative positions (DeBERTa's
 *   shared query and key projections) also count the table's rows; layers that read nothing else
 *   always do
 */
export function findLinearLayers(
  model: ModelGraph,
  positionRows: PositionRowsChoice = 'excluded',
): LinearLayers {
  const tables = new Set(
    model.graph.nodes.filter((node) => node.op.type === 'Gather').map((node) => node.inputs[0]),
  );
  const products = new Map<Value, LinearProduct[]>();
  for (const node of model.graph.nodes) {
    const product = linearProductOf(node);
    if (product === null || tables.has(product.parameter)) continue;
    products.set(product.parameter, [...(products.get(product.parameter) ?? []), product]);
  }
  const weights = new Map(
    [...products].filter(([, uses]) => new Set(uses.map(({ orientation }) => orientation)).size === 1),
  );
  const names = namesOfLayers(model, [...weights.keys()]);
  const groups = new Map<string, { modules: Map<string, LayerWeight>; inputs: readonly Value[] }>();
  for (const [parameter, products] of weights) {
    const module = names.get(parameter) ?? parameter.name;
    const uses = products.map(({ input }) => input);
    const inputs = positionRows === 'included' ? uses : withoutPositions(uses);
    const key = inputs.map(({ name }) => name).join('\n');
    const group = groups.get(key) ?? { modules: new Map(), inputs };
    const { orientation } = products[0] as LinearProduct;
    groups.set(key, group);
    group.modules.set(module, { parameter: parameter.name, orientation });
  }
  return {
    groups: [...groups.values()].map((group) => ({
      ...group,
      name: group.modules.keys().next().value as string,
    })),
    others: [...model.parameters.values()]
      .map(({ value }) => value)
      .filter((value) => value.shape.length > 1 && !weights.has(value) && !tables.has(value))
      .map(({ name }) => name),
  };
}

/** The groups of `findLinearLayers` alone. */
export function findLinearGroups(
  model: ModelGraph,
  positionRows: PositionRowsChoice = 'excluded',
): readonly LinearGroup[] {
  return findLinearLayers(model, positionRows).groups;
}

/**
 * Names of layers, each another one: that of the module whose weight it is, or the weight's full
 * name where a second parameter of the module is multiplied too, or is called like the module.
 * `<module>.weight` comes before others.
 */
function namesOfLayers({ parameters }: ModelGraph, weights: readonly Value[]): ReadonlyMap<Value, string> {
  const fullNames = new Set(weights.map(({ name }) => name));
  const moduleOf = ({ name }: Value): string => parameters.get(name)?.module ?? name.replace(/\.weight$/, '');
  const isUsual = (weight: Value): boolean => weight.name === `${moduleOf(weight)}.weight`;
  const names = new Map<Value, string>();
  const taken = new Set<string>();
  for (const weight of [...weights.filter(isUsual), ...weights.filter((own) => !isUsual(own))]) {
    const module = moduleOf(weight);
    const isFree = !taken.has(module) && (module === weight.name || !fullNames.has(module));
    const name = isFree ? module : weight.name;
    taken.add(name);
    names.set(weight, name);
  }
  return names;
}

/**
 * Uses that read data; all of them where none does. The number of relative positions does not
 * depend on the batch.
 */
function withoutPositions(uses: readonly Value[]): readonly Value[] {
  const reading = uses.filter((input) => typeof input.shape[0] !== 'number');
  return reading.length === 0 ? uses : reading;
}

/** A product of activations with a parameter, as it is or transposed. */
interface LinearProduct {
  readonly input: Value;
  readonly parameter: Value;
  readonly orientation: Orientation;
}

/** What a node multiplies, where its right side is a parameter; null for other nodes. */
function linearProductOf({ op, inputs, attributes }: Node): LinearProduct | null {
  if ((op.type !== 'Gemm' && op.type !== 'MatMul') || attributes.transA === 1n) return null;
  const [input, right] = inputs;
  if (input === undefined || input === null || right === undefined || right === null) return null;
  const flipped = right.producer?.op.type === 'Transpose';
  const parameter = flipped ? right.producer.inputs[0] : right;
  if (parameter?.role !== 'parameter' || parameter.shape.length !== 2) return null;
  const stored = flipped !== (attributes.transB === 1n) ? 'out-in' : 'in-out';
  return { input: sameRows(input), parameter, orientation: stored };
}

const movingRows: ReadonlySet<string> = new Set(['Reshape', 'Identity', 'Squeeze', 'Unsqueeze']);

/**
 * The activation that was given other leading axes, as exported graphs do before products: the rows
 * are the same.
 */
function sameRows(input: Value): Value {
  const node = input.producer;
  const source = node?.inputs[0];
  if (node === null || source === undefined || source === null || !movingRows.has(node.op.type)) return input;
  return source.shape.at(-1) === input.shape.at(-1) && source.dtype === input.dtype
    ? sameRows(source)
    : input;
}
