/**
 * @file Pairs of linear layers with nothing between them but an activation: whose neurons can
 *   change places.
 */
import type { Node, Value } from '../graph/graph.ts';
import { findLinearLayers, type LinearLayer, linearProductOf } from './linear-layers.ts';
import type { ModelGraph } from './model-graph.ts';

/** Ops that work on every element by itself. */
const elementwise: ReadonlySet<string> = new Set(['Gelu', 'Relu', 'Tanh', 'Sigmoid', 'Erf', 'Softplus']);

/** Two linear layers, the second of which reads nothing but the activated outputs of the first. */
export interface StackedLayers {
  /** The layer whose outputs are the neurons. */
  readonly first: LinearLayer;
  /** The layer that reads them. */
  readonly second: LinearLayer;
  /** The activated neurons, [rows, neurons]: one per use of layers that are used several times. */
  readonly activations: readonly Value[];
}

/**
 * Finds them in the graph: a product with a weight whose result goes, through elementwise ops
 * alone, into one other product with a weight and nowhere else, in every use of both. A residual
 * connection or a second reader ties neurons to their places, as does a table that a weight is too.
 * In transformers these are the two layers of the feed-forward block (paper, Appendix D), and heads
 * with a hidden layer.
 */
export function findStackedLayers(model: ModelGraph): readonly StackedLayers[] {
  const { nodes, outputs } = model.graph;
  const layerOf = new Map(
    findLinearLayers(model).layers.flatMap((layer) => (layer.gram === null ? [] : [[layer.weight, layer]])),
  );
  const readers = new Map<Value, Node[]>();
  for (const node of nodes) {
    for (const input of node.inputs) {
      if (input !== null) readers.set(input, [...(readers.get(input) ?? []), node]);
    }
  }
  const results = new Set(outputs.values());
  const found = new Map<LinearLayer, { second: LinearLayer | null; activations: Value[] }>();
  const uses = new Map<LinearLayer, number>();
  for (const node of nodes) {
    const first = layerAt(node);
    if (first === null) continue;
    uses.set(first, (uses.get(first) ?? 0) + 1);
    const { second, activated } = readerOf(node);
    const pair = found.get(first);
    if (pair === undefined) found.set(first, { second, activations: [activated] });
    else
      found.set(first, {
        second: pair.second === second ? second : null,
        activations: [...pair.activations, activated],
      });
  }
  return [...found].flatMap(([first, { second, activations }]) =>
    second === null || uses.get(second) !== activations.length ? [] : [{ first, second, activations }],
  );

  function layerAt(node: Node): LinearLayer | null {
    return layerOf.get(linearProductOf(node)?.parameter.name ?? '') ?? null;
  }

  /** The layer that alone reads what a product becomes. */
  function readerOf(product: Node): { second: LinearLayer | null; activated: Value } {
    let value = product.outputs[0] as Value;
    let reader = onlyReader(value);
    while (reader !== null && elementwise.has(reader.op.type)) {
      value = reader.outputs[0] as Value;
      reader = onlyReader(value);
    }
    const isInput = reader !== null && reader.inputs[0] === value;
    return { second: reader === null || !isInput ? null : layerAt(reader), activated: value };
  }

  function onlyReader(value: Value): Node | null {
    const own = readers.get(value) ?? [];
    return own.length === 1 && !results.has(value) ? (own[0] as Node) : null;
  }
}
