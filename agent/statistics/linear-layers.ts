import type { LayerWeight } from '../../shared/contribution/layer-weights.ts';
import type { Node, Value } from '../../shared/graph/graph.ts';
import type { ModelGraph } from '../../shared/models/model-graph.ts';
import type { PositionRowsChoice } from './statistics-options.ts';

/** Activations that linear layers read, and the layers that read them. */
export interface LinearGroup {
  /** Name of the Gram: the first module that reads the activations. */
  readonly name: string;
  /** Every module that reads them, in the order of the model, and its weight. */
  readonly modules: ReadonlyMap<string, LayerWeight>;
  /** One per use of the layers, each [rows, inputs]: several where layers are used several times (tied layers). */
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
    const weight = weightOf(node);
    if (weight === null || tables.has(node.inputs[1])) continue;
    const module = weight.parameter.replace(/\.weight$/, '');
    const inputs = [...(layers.get(module)?.inputs ?? []), node.inputs[0] as Value];
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

/** The weight of a product whose right side is a parameter; null for other nodes. */
function weightOf({ op, inputs, attributes }: Node): LayerWeight | null {
  if (op.type !== 'Gemm' && op.type !== 'MatMul') return null;
  const [input, weight] = inputs;
  if (input === undefined || input === null || weight?.role !== 'parameter') return null;
  return { parameter: weight.name, orientation: attributes.transB === 1n ? 'out-in' : 'in-out' };
}
