/**
 * @file Weights that an exporter wrote as Constant nodes become initializers, so that they are
 *   trained, merged and stored as the others are. Numbers that belong to the computation (scales,
 *   masks, epsilons) stay where they are.
 */

import type { OnnxModel, OnnxNode, OnnxTensor } from '../graph/onnx-schema.ts';
import { sizeOf } from '../tensor.ts';
import { isStandard, microsoftDomain } from './nodes.ts';
import { dtypeOfCode, shapeOfTensor } from './tensors.ts';

/** A matrix of so many elements is a weight, whatever reads it. */
const weightSize = 64;

type WeightInputs = Readonly<Record<string, readonly number[]>>;

/** Where operators have their weights, by input. */
const standardWeights: WeightInputs = {
  MatMul: [1],
  Gemm: [1, 2],
  Conv: [1, 2],
  BatchNormalization: [1, 2, 3, 4],
  GroupNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  LayerNormalization: [1, 2],
  RMSNormalization: [1],
  SimplifiedLayerNormalization: [1],
};

/** Where ONNX Runtime's own operators have them. */
const microsoftWeights: WeightInputs = {
  Attention: [1, 2],
  BiasGelu: [1],
  EmbedLayerNormalization: [2, 3, 4, 5, 6],
  FastGelu: [1],
  FusedConv: [1, 2],
  FusedGemm: [1, 2],
  FusedMatMul: [1],
  MultiHeadAttention: [3],
  SkipLayerNormalization: [2, 3, 4],
  SkipSimplifiedLayerNormalization: [2, 3],
};

function weightInputs({ opType, domain }: OnnxNode): readonly number[] {
  const table = isStandard(domain) ? standardWeights : domain === microsoftDomain ? microsoftWeights : {};
  return Object.hasOwn(table, opType) ? (table[opType] ?? []) : [];
}

/** Operators that hand a weight on. */
const carriers: ReadonlySet<string> = new Set(['Transpose', 'Identity']);

/** The model with Constant nodes that hold weights as initializers of the same names. */
export function withLiftedWeights(model: OnnxModel): OnnxModel {
  const { node: nodes, initializer } = model.graph;
  const constants = new Map(
    nodes.flatMap((node): [string, OnnxTensor][] => {
      const tensor = floatConstant(node);
      return tensor === undefined ? [] : [[tensor.name ?? '', tensor]];
    }),
  );
  if (constants.size === 0) return model;
  const names = weightsAmong(model, constants);
  if (names.size === 0) return model;
  return {
    ...model,
    graph: {
      ...model.graph,
      node: nodes.filter(({ opType, output }) => opType !== 'Constant' || !names.has(output[0] ?? '')),
      initializer: [...initializer, ...[...constants.values()].filter(({ name }) => names.has(name ?? ''))],
    },
  };
}

/**
 * Names of those tensors of a model that are weights: large matrices, and what stands where
 * operators have weights.
 */
export function weightsAmong(
  model: OnnxModel,
  tensors: ReadonlyMap<string, OnnxTensor>,
): ReadonlySet<string> {
  const large = [...tensors].filter(([, tensor]) => {
    const shape = shapeOfTensor(tensor);
    return shape.length > 1 && sizeOf(shape) >= weightSize;
  });
  return new Set([...large.map(([name]) => name), ...weightNames(model, tensors)]);
}

/** The tensor of a Constant node of floats with axes, under the name of its value. */
function floatConstant({ opType, domain, attribute, output }: OnnxNode): OnnxTensor | undefined {
  if (opType !== 'Constant' || !isStandard(domain)) return undefined;
  const [given] = attribute ?? [];
  const { t, floats } = given ?? {};
  const [name = ''] = output;
  if (given?.name === 'value_floats') {
    const values = floats ?? [];
    return { name, dims: [values.length], dataType: 1, floatData: values };
  }
  if (t === undefined || dtypeOfCode(t.dataType) !== 'float32' || shapeOfTensor(t).length === 0)
    return undefined;
  return { ...t, name };
}

/**
 * Names of constants that stand where operators have weights, or are added to a product with a
 * weight: biases.
 */
function weightNames({ graph }: OnnxModel, constants: ReadonlyMap<string, unknown>): ReadonlySet<string> {
  const { node: nodes, initializer } = graph;
  const stored = new Set(initializer.map(({ name }) => name));
  // Nodes stand in the order they run in, so that what hands a weight on is seen before what reads
  // it.
  const sources = new Map<string, string>();
  const sourceOf = (name: string): string => sources.get(name) ?? name;
  const found = new Set<string>();
  const products = new Set<string>();
  for (const node of nodes) {
    const { opType, input, output } = node;
    if (carriers.has(opType)) sources.set(output[0] ?? '', sourceOf(input[0] ?? ''));
    for (const index of weightInputs(node)) {
      const name = sourceOf(input[index] ?? '');
      if (constants.has(name)) found.add(name);
    }
    const right = sourceOf(input[1] ?? '');
    if (opType === 'MatMul' && (found.has(right) || stored.has(right))) products.add(output[0] ?? '');
    if (opType === 'Add' && input.some((name) => products.has(name))) {
      for (const name of input) if (constants.has(name)) found.add(name);
    }
  }
  return found;
}
