/** @file The one answer to which layers of a model are linear, and how their weights are stored. */
import type { Node, Value } from '../graph/graph.ts';
import { rowKindOf } from './layer-rows.ts';
import { buildModelGraph, type ModelGraph, type ModelIdentity } from './model-graph.ts';

/**
 * How a weight matrix is stored: PyTorch's Linear as [out, in]; Conv1D (GPT-2), ONNX's MatMul and
 * Keras' Dense as [in, out].
 */
export const orientations = ['out-in', 'in-out'] as const;

export type Orientation = (typeof orientations)[number];

/**
 * Where a linear layer belongs: to the encoder, to the head (what is new for a task, and the layer
 * that gives the logits), or to a table of embeddings whose rows it multiplies with (a tied
 * decoder).
 */
export type LinearLayerKind = 'encoder' | 'head' | 'embedding';

/** One linear layer of a model. */
export interface LinearLayer {
  readonly module: string;
  /** Name of its weight. */
  readonly weight: string;
  /** Name of its bias; null where it has none. */
  readonly bias: string | null;
  readonly orientation: Orientation;
  readonly inputs: number;
  readonly outputs: number;
  /**
   * Name of the Gram of its inputs, which is the first module that reads them; null where no Gram
   * describes them, so that the weight is averaged: tied decoders, weights that are multiplied in
   * both orientations, inputs whose rows are neither tokens nor sequences.
   */
  readonly gram: string | null;
  readonly kind: LinearLayerKind;
}

/** Activations that linear layers read, and the layers that read them. */
export interface LinearGroup {
  /** Name of the Gram. */
  readonly name: string;
  /** The layers that read them, in the order of the model. */
  readonly layers: readonly LinearLayer[];
  /**
   * One per use of the layers, each [rows, inputs] or with several axes of rows: several where
   * layers are used several times (tied layers).
   */
  readonly inputs: readonly Value[];
  /**
   * Name of each layer's weight -> what the layer gives, one per use as in `inputs`; without its
   * bias where another node adds that.
   */
  readonly outputs: ReadonlyMap<string, readonly Value[]>;
}

/** The linear layers of a model's graph, and what it has no Grams for. */
export interface LinearLayers {
  /** Every linear layer, in the order of the graph. */
  readonly layers: readonly LinearLayer[];
  /** Those with a Gram, by the activations that they read. */
  readonly groups: readonly LinearGroup[];
  /**
   * Parameters of two or more axes that have no Gram and are no tables that are looked up, in the
   * order of the model: merging averages them.
   */
  readonly withoutGram: readonly string[];
}

/** Whether layers that read tokens and a table of relative positions count the table's rows. */
export type PositionRows = 'excluded' | 'included';

/**
 * Finds the linear layers of a model in its graph: products whose right side is a parameter of the
 * layer's own (paper, Section 3.3: whatever a forward hook on `nn.Linear` would see). A parameter
 * that is also an embedding table has no Gram: tied decoders are averaged with the embedding. Nor
 * has one that is multiplied both as it is and transposed (a tied autoencoder): its two uses have
 * inputs of different features. A layer that is used several times has one Gram, of the rows of all
 * its uses. Layers that read the same activations share a group.
 *
 * @param positionRows whether layers that read tokens and a table of relative positions (DeBERTa's
 *   shared query and key projections) also count the table's rows; layers that read nothing else
 *   always do
 */
export function findLinearLayers(model: ModelGraph, positionRows: PositionRows = 'excluded'): LinearLayers {
  const { graph, parameters } = model;
  const tables = new Set(
    graph.nodes.filter(({ op }) => op.type === 'Gather').map(({ inputs }) => inputs[0] ?? null),
  );
  const uses = usesOfWeights(graph.nodes);
  const names = namesOfLayers(model, [...uses.keys()]);
  const biases = biasesOf(graph.nodes);
  const last = lastWeight(model.logits);
  const groups = new Map<string, GrowingGroup>();
  const layers = [...uses].map(([parameter, products]): LinearLayer => {
    const isInHead = parameter === last || parameters.get(parameter.name)?.inHead === true;
    const isTable = tables.has(parameter);
    const [{ orientation }] = products;
    const isTurned = products.some((product) => product.orientation !== orientation);
    const sizes = parameter.shape.map(Number);
    const [inputs = 0, outputs = 0] = orientation === 'in-out' ? sizes : sizes.reverse();
    const layer = {
      module: names.get(parameter) ?? parameter.name,
      weight: parameter.name,
      bias: biases.get(products[0].node)?.name ?? null,
      ...{ orientation, inputs, outputs },
      kind: isTable ? ('embedding' as const) : isInHead ? ('head' as const) : ('encoder' as const),
    };
    const counted = countedProducts(products, positionRows);
    const read = counted.map(({ input }) => input);
    if (isTable || isTurned || read.some((input) => rowKindOf(input) === null)) {
      return { ...layer, gram: null };
    }
    const key = read.map(({ name }) => name).join('\n');
    const group: GrowingGroup = groups.get(key) ?? {
      ...{ name: layer.module, layers: [], inputs: read },
      outputs: new Map(),
    };
    groups.set(key, group);
    const own = { ...layer, gram: group.name };
    group.layers.push(own);
    group.outputs.set(
      layer.weight,
      counted.map(({ node }) => node.outputs[0] as Value),
    );
    return own;
  });
  const withGram = new Set(layers.flatMap(({ weight, gram }) => (gram === null ? [] : [weight])));
  return {
    layers,
    groups: [...groups.values()],
    withoutGram: [...parameters.values()].flatMap(({ value }) =>
      value.shape.length > 1 && !withGram.has(value.name) && !tables.has(value) ? [value.name] : [],
    ),
  };
}

interface GrowingGroup extends LinearGroup {
  readonly layers: LinearLayer[];
  readonly outputs: Map<string, readonly Value[]>;
}

/** The linear layers of a model, in the order of its graph. */
export function linearLayersOf(model: ModelIdentity): readonly LinearLayer[] {
  return findLinearLayers(buildModelGraph(model, { withLoss: false, dropoutSeed: null })).layers;
}

/** A product of activations with a parameter, as it is or transposed. */
export interface LinearProduct {
  readonly node: Node;
  readonly input: Value;
  readonly parameter: Value;
  readonly orientation: Orientation;
}

/** The products of each weight, at least one. */
function usesOfWeights(
  nodes: readonly Node[],
): ReadonlyMap<Value, readonly [LinearProduct, ...LinearProduct[]]> {
  const uses = new Map<Value, [LinearProduct, ...LinearProduct[]]>();
  for (const node of nodes) {
    const product = linearProductOf(node);
    if (product === null) continue;
    const known = uses.get(product.parameter);
    if (known === undefined) uses.set(product.parameter, [product]);
    else known.push(product);
  }
  return uses;
}

/** What a node multiplies, where its right side is a parameter; null for other nodes. */
export function linearProductOf(node: Node): LinearProduct | null {
  const { op, inputs, attributes } = node;
  if ((op.type !== 'Gemm' && op.type !== 'MatMul') || attributes.transA === 1n) return null;
  const [input, right] = inputs;
  if (input === undefined || input === null || right === undefined || right === null) return null;
  const flipped = right.producer?.op.type === 'Transpose';
  const parameter = flipped ? right.producer.inputs[0] : right;
  if (parameter?.role !== 'parameter' || parameter.shape.length !== 2) return null;
  const stored = flipped !== (attributes.transB === 1n) ? 'out-in' : 'in-out';
  return { node, input: sameRows(input), parameter, orientation: stored };
}

/** The weight that logits are the product with, whatever is done to them after it. */
function lastWeight(logits: Value): Value | null {
  let value: Value | undefined = logits;
  while (value?.producer != null) {
    const product = linearProductOf(value.producer);
    if (product !== null) return product.parameter;
    const computed: readonly (Value | null)[] = value.producer.inputs.filter(
      (own) => own?.role === 'computed',
    );
    value = computed.length === 1 ? (computed[0] ?? undefined) : undefined;
  }
  return null;
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

/**
 * All uses of which rows are counted. Without positions they are those that read data; all of them
 * where none does. The number of relative positions does not depend on the batch.
 */
function countedProducts(
  products: readonly LinearProduct[],
  positionRows: PositionRows,
): readonly LinearProduct[] {
  if (positionRows === 'included') return products;
  const reading = products.filter(({ input }) => typeof input.shape[0] !== 'number');
  return reading.length === 0 ? products : reading;
}

/** The parameter that is added to each product, as its own third operand or by the next node. */
function biasesOf(nodes: readonly Node[]): ReadonlyMap<Node, Value> {
  const biases = new Map<Node, Value>();
  const isBias = (value: Value | null | undefined): value is Value =>
    value?.role === 'parameter' && value.shape.length === 1;
  for (const node of nodes) {
    const [left, right, third] = node.inputs;
    if (node.op.type === 'Gemm' && isBias(third)) biases.set(node, third);
    if (node.op.type !== 'Add') continue;
    const [product, bias] = isBias(left) ? [right, left] : [left, right];
    const producer = product?.producer ?? null;
    if (producer !== null && isBias(bias)) biases.set(producer, bias);
  }
  return biases;
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
