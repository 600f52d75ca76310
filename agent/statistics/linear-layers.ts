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
   * One per use of the layers, each [rows, inputs] or with several axes of rows: several where layers are used several times
   * (tied layers).
   */
  readonly inputs: readonly Value[];
}

/**
 * Finds the linear layers of a model in its graph: products whose right side is a parameter of the module's own
 * (paper, Section 3.3: whatever a forward hook on `nn.Linear` would see). A parameter that is also an embedding table is
 * no linear layer's: tied decoders are averaged with the embedding. A layer that is used several times has one Gram, of the
 * rows of all its uses. Layers that read the same activations share a group.
 *
 * @param positionRows whether layers that read tokens and a table of relative positions (DeBERTa's shared query and key
 *   projections) also count the table's rows; layers that read nothing else always do
 */
export function findLinearGroups(
  model: ModelGraph,
  positionRows: PositionRowsChoice = 'excluded',
): LinearGroup[] {
  const tables = new Set(
    model.graph.nodes.filter((node) => node.op.type === 'Gather').map((node) => node.inputs[0]),
  );
  const layers = new Map<string, { weight: LayerWeight; inputs: Value[] }>();
  for (const node of model.graph.nodes) {
    const product = linearProductOf(node);
    if (product === null || tables.has(product.parameter)) continue;
    const { input, parameter, orientation } = product;
    const weight = { parameter: parameter.name, orientation };
    const module = model.parameters.get(parameter.name)?.module ?? parameter.name.replace(/\.weight$/, '');
    const inputs = [...(layers.get(module)?.inputs ?? []), input];
    layers.set(module, { weight, inputs });
  }
  const groups = new Map<string, { modules: Map<string, LayerWeight>; inputs: readonly Value[] }>();
  for (const [module, { weight, inputs: uses }] of layers) {
    const inputs = positionRows === 'included' ? uses : withoutPositions(uses);
    const key = inputs.map(({ name }) => name).join('\n');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { modules: new Map([[module, weight]]), inputs });
    else group.modules.set(module, weight);
  }
  return [...groups.values()].map((group) => ({
    ...group,
    name: group.modules.keys().next().value as string,
  }));
}

/** Uses that read data; all of them where none does. The number of relative positions does not depend on the batch. */
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

/** The activation that was given other leading axes, as exported graphs do before products: the rows are the same. */
function sameRows(input: Value): Value {
  const node = input.producer;
  const source = node?.inputs[0];
  if (node === null || source === undefined || source === null || !movingRows.has(node.op.type)) return input;
  return source.shape.at(-1) === input.shape.at(-1) && source.dtype === input.dtype
    ? sameRows(source)
    : input;
}
