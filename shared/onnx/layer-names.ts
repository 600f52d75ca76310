/** @file What linear layers are called whose weights do not say it. */

import type { OnnxNode } from '../graph/onnx-schema.ts';
import { isStandard, microsoftDomain, nodeName } from './nodes.ts';

/**
 * Operators that multiply by their second input, and the input that is their bias; null where
 * others add it.
 */
const productInputs: Readonly<Record<string, Readonly<Record<string, number | null>>>> = {
  '': { MatMul: null, Gemm: 2 },
  [microsoftDomain]: { FusedMatMul: null, TransposeMatMul: null, FusedGemm: 2, Attention: 2 },
};

/** Operators that add a bias to a product, and where it stands; null where it may be any input. */
const additions: Readonly<Record<string, Readonly<Record<string, number | null>>>> = {
  '': { Add: null },
  [microsoftDomain]: {
    BiasGelu: 1,
    FastGelu: 1,
    SkipLayerNormalization: 4,
    SkipSimplifiedLayerNormalization: 3,
  },
};

function placeIn(table: typeof productInputs, { opType, domain }: OnnxNode): number | null | undefined {
  const own = table[isStandard(domain) ? '' : (domain ?? '')] ?? {};
  return Object.hasOwn(own, opType) ? own[opType] : undefined;
}

/**
 * Names of layers whose weights have none: exporters fold a transposed weight into
 * `onnx::MatMul_123`, and optimizers join weights. The layer is then called after its bias, or
 * after the path of the node that reads it, unless a layer is called so.
 *
 * @param parameters names of initializers that are trained
 * @returns names of layers by their weight's name, where it is another one
 */
export function layerNames(
  nodes: readonly OnnxNode[],
  parameters: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const transposed = new Map(
    nodes.flatMap(({ opType, input, output }) =>
      opType === 'Transpose' || opType === 'Identity' ? [[output[0] ?? '', input[0] ?? ''] as const] : [],
    ),
  );
  const usual = [...parameters].filter((name) => name.endsWith('.weight'));
  const taken = new Set(usual.map((name) => name.slice(0, -'.weight'.length)));
  const names = new Map<string, string>();
  const give = (weight: string, candidates: readonly string[]): void => {
    const name = candidates.find((own) => !taken.has(own));
    if (name === undefined || names.has(weight)) return;
    taken.add(name);
    names.set(weight, name);
  };
  const products = nodes.flatMap((node) => {
    const right = node.input[1] ?? '';
    const weight = parameters.has(right) ? right : (transposed.get(right) ?? '');
    const isProduct = placeIn(productInputs, node) !== undefined;
    if (!isProduct || !parameters.has(weight) || weight.endsWith('.weight')) return [];
    return [{ node, weight, bias: biasOf(nodes, node, parameters) }];
  });
  for (const { weight, bias } of products) {
    if (bias?.endsWith('.bias') === true) give(weight, [bias.slice(0, -'.bias'.length)]);
  }
  for (const { node, weight } of products) {
    const parts = nodeName(node)
      .split('/')
      .filter((part) => part !== '');
    // A second parameter of a module (`dense.P`) has a name of its own; what exporters folded has
    // none.
    const ofNode = weight.includes('.') ? [] : [parts.join('.')];
    const ofPath = parts.length > 1 ? [parts.slice(0, -1).join('.'), ...ofNode] : [];
    // Optimizers call the weight that they join `Attention_0_qkv_weight`.
    const ofWeight = node.opType === 'Attention' ? [weight.replace(/_weights?$/, '')] : [];
    give(weight, [...ofPath, ...ofWeight, weight]);
  }
  return new Map([...names].filter(([weight, name]) => name !== weight));
}

/**
 * The bias of a node that multiplies by a weight, in it or added after it; undefined for other
 * nodes and without one.
 */
export function biasOf(
  nodes: readonly OnnxNode[],
  node: OnnxNode,
  parameters: ReadonlySet<string>,
): string | undefined {
  const place = placeIn(productInputs, node);
  if (place === undefined) return undefined;
  return place === null ? biasAdded(nodes, node.output[0] ?? '', parameters) : node.input[place];
}

function biasAdded(
  nodes: readonly OnnxNode[],
  product: string,
  parameters: ReadonlySet<string>,
): string | undefined {
  for (const node of nodes) {
    const place = node.input.includes(product) ? placeIn(additions, node) : undefined;
    if (place === undefined) continue;
    const bias = place === null ? node.input.find((name) => parameters.has(name)) : node.input[place];
    if (bias !== undefined && parameters.has(bias)) return bias;
  }
  return undefined;
}
