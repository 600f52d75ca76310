/**
 * @file Pairs of linear layers with nothing between them but an activation: whose neurons can
 *   change places.
 */
import type { Node, Value } from '../graph/graph.ts';
import type { ModelGraph } from './model-graph.ts';

/** Ops that work on every element by itself. */
const elementwise: ReadonlySet<string> = new Set(['Gelu', 'Relu', 'Tanh', 'Sigmoid', 'Erf', 'Softplus']);

/** Two linear layers, the second of which reads nothing but the activated outputs of the first. */
export interface StackedLayers {
  /** Module whose outputs are the neurons. */
  readonly first: string;
  /** Module that reads them. */
  readonly second: string;
  /** The activated neurons, [rows, neurons]. */
  readonly activations: Value;
}

/**
 * Finds them in the graph: a product with a parameter whose result goes, through elementwise ops
 * alone, into one other product with a parameter and nowhere else. A residual connection or a
 * second reader ties neurons to their places. In transformers these are the two layers of the
 * feed-forward block (paper, Appendix D), and heads with a hidden layer.
 */
export function findStackedLayers({ graph }: ModelGraph): readonly StackedLayers[] {
  const readers = new Map<Value, Node[]>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (input !== null) readers.set(input, [...(readers.get(input) ?? []), node]);
    }
  }
  const outputs = new Set(graph.outputs.values());
  const found: StackedLayers[] = [];
  for (const node of graph.nodes) {
    const first = linearModuleOf(node);
    if (first === null) continue;
    let value = node.outputs[0] as Value;
    let reader = onlyReader(value);
    while (reader !== null && elementwise.has(reader.op.type)) {
      value = reader.outputs[0] as Value;
      reader = onlyReader(value);
    }
    const second = reader === null || reader.inputs[0] !== value ? null : linearModuleOf(reader);
    if (second !== null) found.push({ first, second, activations: value });
  }
  return found;

  function onlyReader(value: Value): Node | null {
    const own = readers.get(value) ?? [];
    return own.length === 1 && !outputs.has(value) ? (own[0] as Node) : null;
  }
}

/** The module of a product with a weight that is stored [out, in]. */
function linearModuleOf({ op, inputs, attributes }: Node): string | null {
  const weight = inputs[1];
  const isProduct = op.type === 'Gemm' && attributes.transB === 1n;
  return isProduct && weight?.role === 'parameter' ? weight.name.replace(/\.weight$/, '') : null;
}
