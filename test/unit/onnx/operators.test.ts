import { describe, expect, it } from 'vitest';
import { gradients } from '../../../shared/graph/gradients.ts';
import * as ops from '../../../shared/graph/ops/index.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import type { OnnxNode } from '../../../shared/onnx/schema.ts';
import { floats, longs, node } from '../../support/onnx-network.ts';
import {
  axis1,
  expectOnnxRuntimesLogits,
  expectSlopes,
  mean,
  modelOf,
  type OperatorCase,
} from '../../support/operator-cases.ts';

const far = Number.MAX_SAFE_INTEGER;
const unary = (type: string, attributes: Parameters<typeof node>[3] = {}, opset = 18): OperatorCase => ({
  nodes: [node(type, ['x'], ['y'], attributes), mean('y')],
  initializers: [axis1],
  opset,
});
/** Sizes of `x` as exporters compute them: Shape, Gather, Unsqueeze. */
const size = (axis: number, output: string): OnnxNode[] => [
  node('Shape', ['x'], [`${output}.shape`]),
  node('Gather', [`${output}.shape`, `at${axis}`], [`${output}.scalar`]),
  node('Unsqueeze', [`${output}.scalar`, 'axis0'], [output]),
];
const places = [longs('at0', 0), longs('at1', 1), longs('axis0', [0]), axis1];

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
  'Gather of the last token': {
    nodes: [node('Gather', ['x', 'last'], ['logits'], { axis: 1 })],
    initializers: [longs('last', -1)],
  },
  'Slice of the last two tokens': {
    nodes: [node('Slice', ['x', 'from', 'to', 'axis1'], ['y']), mean('y')],
    initializers: [axis1, longs('from', [-2]), longs('to', [far])],
  },
  'Slice without the last token': {
    nodes: [node('Slice', ['x', 'from', 'to', 'axis1'], ['y']), mean('y')],
    initializers: [axis1, longs('from', [1]), longs('to', [-1])],
  },
  'a table sliced to the number of tokens': {
    nodes: [
      ...size(1, 'tokens'),
      node('Slice', ['positions', 'zero', 'tokens', 'axis1'], ['p']),
      node('Add', ['x', 'p'], ['y']),
      mean('y'),
    ],
    initializers: [
      ...places,
      longs('zero', [0]),
      floats(
        'positions',
        [1, 8, 4],
        Array.from({ length: 32 }, (_, i) => i / 32),
      ),
    ],
  },
  'Concat of a learned token, expanded to the batch': {
    nodes: [
      ...size(0, 'rows'),
      node('Concat', ['rows', 'rest'], ['sizes'], { axis: 0 }),
      node('Expand', ['first', 'sizes'], ['token']),
      node('Concat', ['token', 'x'], ['y'], { axis: 1 }),
      node('Mul', ['y', 'y'], ['z']),
      mean('z'),
    ],
    initializers: [...places, longs('rest', [1, 4]), floats('first', [1, 1, 4], [0.5, -1, 2, 0.1])],
  },
  'heads split by sizes that are computed': {
    nodes: [
      ...size(0, 'rows'),
      ...size(1, 'tokens'),
      node('Concat', ['rows', 'tokens', 'heads', 'open'], ['split'], { axis: 0 }),
      node('Reshape', ['x', 'split'], ['a']),
      node('Transpose', ['a'], ['b'], { perm: [0, 2, 1, 3] }),
      node('Softmax', ['b'], ['c'], { axis: -1 }),
      node('Transpose', ['c'], ['d'], { perm: [0, 2, 1, 3] }),
      node('Reshape', ['d', 'joined'], ['y']),
      mean('y'),
    ],
    initializers: [...places, longs('heads', [2]), longs('open', [-1]), longs('joined', [0, 0, 4])],
  },
  'Split and Where': {
    nodes: [
      node('Split', ['x'], ['a', 'b'], { axis: 2, num_outputs: 2 }),
      node('Greater', ['a', 'b'], ['larger']),
      node('Where', ['larger', 'a', 'b'], ['y']),
      mean('y'),
    ],
    initializers: [axis1],
  },
  'Trilu of scores': {
    nodes: [
      node('Transpose', ['x'], ['t'], { perm: [0, 2, 1] }),
      node('MatMul', ['t', 'x'], ['s']),
      node('Trilu', ['s'], ['y'], { upper: 0 }),
      mean('y'),
    ],
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
  Selu: unary('Selu'),
  ReduceMax: { nodes: [node('ReduceMax', ['x'], ['logits'], { axes: [1], keepdims: 0 })], opset: 13 },
  Einsum: { nodes: [node('Einsum', ['x', 'x'], ['logits'], { equation: 'bsd,bsd->bd' })] },
};

describe('operators with a rule give ONNX Runtime’s results and the slope of finite differences', () => {
  it.each(Object.entries(withGradient))('%s', async (_, operatorCase) => {
    const { model, bytes } = await modelOf(operatorCase);
    await expectOnnxRuntimesLogits({ model, bytes });
    await expectSlopes(model);
  });
});

describe('operators without a rule run as they are, and are named when a gradient is asked for', () => {
  it.each(Object.entries(withoutGradient))('%s', async (type, operatorCase) => {
    const { model, bytes } = await modelOf(operatorCase);
    await expectOnnxRuntimesLogits({ model, bytes });
    const { graph, logits, parameters } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
    expect(graph.nodes.length).toBeGreaterThan(0);
    const targets = [...parameters.values()].map(({ value }) => value);
    expect(() => gradients(ops.sumAll(logits), targets)).toThrow(
      `${type} (/${operatorCase.nodes[0]?.output[0]}/${type})`,
    );
  });
});
