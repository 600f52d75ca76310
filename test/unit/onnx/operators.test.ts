import { describe, expect, it } from 'vitest';
import { gradients } from '../../../shared/graph/gradients.ts';
import * as ops from '../../../shared/graph/ops/index.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import { floats, longs, node } from '../../support/onnx-network.ts';
import {
  axis1,
  checkOperator,
  expectOnnxRuntimesLogits,
  mean,
  modelOf,
  type OperatorCase,
} from '../../support/operator-cases.ts';

const unary = (type: string, attributes: Parameters<typeof node>[3] = {}, opset = 18): OperatorCase => ({
  nodes: [node(type, ['x'], ['y'], attributes), mean('y')],
  initializers: [axis1],
  opset,
});
const withGradient: Readonly<Record<string, OperatorCase>> = {
  LeakyRelu: unary('LeakyRelu', { alpha: { f: 0.3 } }),
  Elu: unary('Elu', { alpha: { f: 0.7 } }),
  HardSigmoid: unary('HardSigmoid', { alpha: { f: 0.4 } }),
  HardSwish: unary('HardSwish'),
  Mish: unary('Mish'),
  Softsign: unary('Softsign'),
  'Gelu by tanh': unary('Gelu', { approximate: 'tanh' }, 20),
  'Softmax over tokens': unary('Softmax', { axis: 1 }),
  Abs: unary('Abs'),
  Selu: unary('Selu'),
  Celu: unary('Celu', { alpha: { f: 0.6 } }),
  ThresholdedRelu: unary('ThresholdedRelu', { alpha: { f: 0.3 } }),
  Shrink: unary('Shrink', { lambd: { f: 0.2 }, bias: { f: 0.1 } }),
  'Swish of version 24': unary('Swish', { alpha: { f: 1.5 } }, 24),
  'Mean of three': {
    nodes: [node('Exp', ['x'], ['e']), node('Mean', ['x', 'e', 'x'], ['y']), mean('y')],
    initializers: [axis1],
  },
  CastLike: {
    nodes: [
      node('Greater', ['x', 'zero'], ['g']),
      node('CastLike', ['g', 'x'], ['m']),
      node('Mul', ['m', 'x'], ['y']),
      mean('y'),
    ],
    initializers: [axis1, floats('zero', [], [0])],
  },
  'ReduceMax and ReduceMin over tokens': {
    nodes: [
      node('ReduceMax', ['x'], ['a'], { axes: [1], keepdims: 0 }),
      node('ReduceMin', ['x'], ['b'], { axes: [-2], keepdims: 0 }),
      node('Sub', ['a', 'b'], ['logits']),
    ],
    opset: 13,
  },
  'ReduceL1, ReduceLogSum and ReduceLogSumExp': {
    nodes: [
      node('ReduceL1', ['x', 'axis1'], ['a'], { keepdims: 0 }),
      node('ReduceLogSumExp', ['x', 'axis1'], ['b'], { keepdims: 0 }),
      node('Exp', ['x'], ['e']),
      node('ReduceLogSum', ['e', 'axis1'], ['c'], { keepdims: 0 }),
      node('Sum', ['a', 'b', 'c'], ['logits']),
    ],
    initializers: [axis1],
  },
  'MatMul with a vector on either side': {
    nodes: [
      node('MatMul', ['x', 'v'], ['s']),
      node('Softmax', ['s'], ['p']),
      node('Unsqueeze', ['p', 'last'], ['w']),
      node('Mul', ['x', 'w'], ['y']),
      node('MatMul', ['v', 'square'], ['r']),
      node('Add', ['y', 'r'], ['z']),
      mean('z'),
    ],
    initializers: [
      axis1,
      longs('last', [-1]),
      floats('v', [4], [0.4, -1, 2, 0.3]),
      floats(
        'square',
        [4, 4],
        Array.from({ length: 16 }, (_, i) => Math.cos(i)),
      ),
    ],
  },
  PRelu: {
    nodes: [node('PRelu', ['x', 'slope'], ['y']), mean('y')],
    initializers: [axis1, floats('slope', [4], [0.1, 0.2, 0.3, 0.4])],
  },
  Clip: {
    nodes: [node('Clip', ['x', 'low', 'high'], ['y']), mean('y')],
    initializers: [axis1, floats('low', [], [-0.5]), floats('high', [], [0.4])],
  },
  'Pow and Reciprocal': {
    nodes: [
      node('Pow', ['x', 'two'], ['a']),
      node('Add', ['a', 'two'], ['b']),
      node('Reciprocal', ['b'], ['y']),
      mean('y'),
    ],
    initializers: [axis1, floats('two', [], [2])],
  },
  'ReduceMean with axes as an attribute': {
    nodes: [node('ReduceMean', ['x'], ['logits'], { axes: [1], keepdims: 0 })],
    opset: 13,
  },
  ReduceL2: {
    nodes: [node('ReduceL2', ['x', 'axis1'], ['logits'], { keepdims: 0 })],
    initializers: [axis1],
  },
  'LayerNormalization without bias': {
    nodes: [node('LayerNormalization', ['x', 'scale'], ['n']), node('Mul', ['n', 'x'], ['y']), mean('y')],
    initializers: [axis1, floats('scale', [4], [1, 2, 0.5, 1.5])],
  },
  'Gemm with alpha and beta': {
    nodes: [
      node('ReduceMean', ['x', 'axis1'], ['m'], { keepdims: 0 }),
      node('Gemm', ['m', 'w', 'b'], ['logits'], { alpha: { f: 0.5 }, beta: { f: 2 } }),
    ],
    initializers: [
      axis1,
      floats(
        'w',
        [4, 3],
        Array.from({ length: 12 }, (_, i) => i / 12),
      ),
      floats('b', [3], [1, 2, 3]),
    ],
  },
};

const withoutGradient: Readonly<Record<string, OperatorCase>> = {
  Round: unary('Round'),
  ReduceProd: { nodes: [node('ReduceProd', ['x'], ['logits'], { axes: [1], keepdims: 0 })], opset: 13 },
  Mod: {
    nodes: [node('Mod', ['x', 'part'], ['y'], { fmod: 1 }), mean('y')],
    initializers: [axis1, floats('part', [], [0.3])],
  },
  'Einsum of a diagonal': {
    nodes: [
      node('MatMul', ['x', 'square'], ['s']),
      node('Slice', ['s', 'from', 'to', 'axis1'], ['t']),
      node('Einsum', ['t'], ['d'], { equation: 'bii->bi' }),
      node('Reshape', ['d', 'three'], ['logits']),
    ],
    initializers: [
      axis1,
      ...[longs('from', [0]), longs('to', [3]), longs('three', [0, 3])],
      floats(
        'square',
        [4, 3],
        Array.from({ length: 12 }, (_, i) => i / 12),
      ),
    ],
  },
};

describe('operators with a rule give ONNX Runtime’s results and the slope of finite differences', () => {
  it.each(Object.entries(withGradient))('%s', (_, operatorCase) => checkOperator(operatorCase));
});

describe('operators without a rule run as they are, and are named when a gradient is asked for', () => {
  it.each(Object.entries(withoutGradient))('%s', async (type, operatorCase) => {
    const { model, bytes } = await modelOf(operatorCase);
    await expectOnnxRuntimesLogits({ model, bytes });
    const { graph, logits, parameters } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
    expect(graph.nodes.length).toBeGreaterThan(0);
    const targets = [...parameters.values()].map(({ value }) => value);
    expect(() => gradients(ops.sumAll(logits), targets)).toThrow(
      `(/${operatorCase.nodes.find((own) => own.opType === type.split(' ')[0])?.output[0]}/${type.split(' ')[0]})`,
    );
  });
});
