import { describe, it } from 'vitest';
import {
  attributeTypes,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
} from '../../../shared/graph/onnx-schema.ts';
import { floats, longs, microsoftNode, node } from '../../support/onnx-network.ts';
import { axis1, checkOperator, mean, type OperatorCase } from '../../support/operator-cases.ts';

const waves = (name: string, ...dims: number[]): OnnxTensor =>
  floats(
    name,
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, at) => Math.sin(3 * at + 1)),
  );
type Given = Parameters<typeof node>[3];

/**
 * One node from `x` and initializers, and a product with `x` so that means do not hide anything.
 */
const one = (
  type: string,
  input: readonly string[],
  attributes: Given = {},
  initializers: readonly OnnxTensor[] = [],
): OperatorCase => ({
  nodes: [microsoftNode(type, input, ['r'], attributes), node('Mul', ['r', 'x'], ['y']), mean('y')],
  initializers: [axis1, ...initializers],
});

/** [batch, tokens, 4] -> [batch, tokens, heads, 2] -> [batch, heads, tokens, 2] */
const byHead: readonly OnnxNode[] = [
  node('Reshape', ['x', 'heads'], ['apart']),
  node('Transpose', ['apart'], ['h'], { perm: [0, 2, 1, 3] }),
];
const heads = [longs('heads', [0, 0, 2, 2])];

/** A gemm of the mean of tokens, and a function of it. */
const gemmed = (attributes: Given): OperatorCase => ({
  nodes: [
    node('ReduceMean', ['x', 'axis1'], ['m'], { keepdims: 0 }),
    microsoftNode('FusedGemm', ['m', 'w', 'b'], ['logits'], attributes),
  ],
  initializers: [axis1, waves('w', 3, 4), waves('b', 3)],
});

/** Convolution over tokens. */
const convolved = (input: readonly string[], attributes: Given): OperatorCase => ({
  nodes: [
    node('Transpose', ['x'], ['c'], { perm: [0, 2, 1] }),
    microsoftNode('FusedConv', input, ['f'], { kernel_shape: [3], pads: [1, 1], ...attributes }),
    node('ReduceMean', ['f', 'axis2'], ['logits'], { keepdims: 0 }),
  ],
  initializers: [waves('k', 4, 4, 3), waves('kb', 4), longs('axis2', [2])],
});

const scale = [waves('scale', 4), waves('shift', 4), waves('bias', 4)];
/** Tokens above this count. */
const least: OnnxTensor = {
  name: 'least',
  dims: [],
  dataType: 6,
  rawData: new Uint8Array(Int32Array.of(2).buffer),
};

/** Tables of words and places, and the tokens in the element type that lookups are given. */
const embedded = (
  more: readonly string[],
  before: readonly OnnxNode[],
  attributes: Given = {},
): OperatorCase => ({
  nodes: [
    node('Cast', ['input_ids'], ['ids'], { to: 6 }),
    ...before,
    microsoftNode(
      'EmbedLayerNormalization',
      ['ids', '', 'words', 'places', '', 'scale', 'shift', ...more],
      ['n', 'count', 'sum'],
      attributes,
    ),
    node('Cast', ['count'], ['number'], { to: 1 }),
    node('Unsqueeze', ['number', 'ends'], ['numbers']),
    node('Mul', ['n', 'sum'], ['p']),
    node('Add', ['p', 'numbers'], ['q']),
    node('Mul', ['q', 'x'], ['y']),
    mean('y'),
  ],
  initializers: [
    axis1,
    ...scale.slice(0, 2),
    longs('ends', [1, 2]),
    waves('words', 7, 4),
    waves('places', 9, 4),
    least,
  ],
});

/** The fourth output is asked for too. */
const skipped = (type: string, input: readonly string[], attributes: Given = {}): OperatorCase => ({
  nodes: [
    node('Exp', ['x'], ['e']),
    microsoftNode(type, input, ['n', '', '', 's'], attributes),
    node('Mul', ['n', 's'], ['y']),
    mean('y'),
  ],
  initializers: [axis1, ...scale],
});

const leaky = convolved(['c', 'k', 'kb'], { activation: 'LeakyRelu' });
const slope: OnnxAttribute = { name: 'activation_params', type: attributeTypes.floats, floats: [0.3] };

const cases: Readonly<Record<string, OperatorCase>> = {
  Gelu: one('Gelu', ['x']),
  BiasGelu: one('BiasGelu', ['x', 'bias'], {}, [waves('bias', 4)]),
  FastGelu: one('FastGelu', ['x']),
  'FastGelu with a bias': one('FastGelu', ['x', 'bias'], {}, [waves('bias', 4)]),
  QuickGelu: one('QuickGelu', ['x']),
  'QuickGelu with its own alpha': one('QuickGelu', ['x'], { alpha: { f: 0.9 } }),
  'FusedMatMul with a matrix, transposed and scaled': {
    nodes: [microsoftNode('FusedMatMul', ['x', 'w'], ['y'], { transB: 1, alpha: { f: 0.4 } }), mean('y')],
    initializers: [axis1, waves('w', 3, 4)],
  },
  'FusedMatMul with its left side transposed': {
    nodes: [
      microsoftNode('FusedMatMul', ['x', 'x'], ['square'], { transA: 1 }),
      node('ReduceMean', ['square', 'axis1'], ['logits'], { keepdims: 0 }),
    ],
    initializers: [axis1],
  },
  'FusedMatMul by head, as attention does it': {
    nodes: [
      ...byHead,
      microsoftNode('FusedMatMul', ['apart', 'apart'], ['scores'], {
        transBatchA: 1,
        transBatchB: 1,
        transB: 1,
        alpha: { f: 0.7 },
      }),
      node('Softmax', ['scores'], ['p']),
      node('ReduceMean', ['p', 'axes'], ['logits'], { keepdims: 0 }),
    ],
    initializers: [...heads, longs('axes', [2, 3])],
  },
  'FusedMatMul with both sides moved': {
    nodes: [
      ...byHead,
      node('Transpose', ['h'], ['rows'], { perm: [3, 0, 1, 2] }),
      node('Transpose', ['h'], ['columns'], { perm: [2, 0, 1, 3] }),
      microsoftNode('FusedMatMul', ['rows', 'columns'], ['scores'], { transBatchA: 1, transBatchB: 1 }),
      node('ReduceMean', ['scores', 'axes'], ['logits'], { keepdims: 0 }),
    ],
    initializers: [...heads, longs('axes', [2, 3])],
  },
  'FusedGemm with LeakyRelu': gemmed({
    activation: 'LeakyRelu',
    activation_alpha: { f: 0.3 },
    alpha: { f: 0.5 },
    transB: 1,
  }),
  'FusedGemm with Tanh': gemmed({ activation: 'Tanh', transB: 1 }),
  'FusedConv with Relu': convolved(['c', 'k', 'kb'], { activation: 'Relu' }),
  'FusedConv with LeakyRelu': {
    ...leaky,
    nodes: leaky.nodes.map((own) =>
      own.opType === 'FusedConv' ? { ...own, attribute: [...(own.attribute ?? []), slope] } : own,
    ),
  },
  'FusedConv of a sum': convolved(['c', 'k', 'kb', 'c'], { activation: 'Tanh' }),
  SkipLayerNormalization: skipped('SkipLayerNormalization', ['x', 'e', 'scale', 'shift']),
  'SkipLayerNormalization with a bias and without a shift': skipped(
    'SkipLayerNormalization',
    ['x', 'e', 'scale', '', 'bias'],
    { epsilon: { f: 0.1 } },
  ),
  'SkipLayerNormalization of a row for every token': {
    nodes: [
      node('Add', ['x', 'bias'], ['b']),
      node('ReduceMean', ['b', 'axis0'], ['row'], { keepdims: 1 }),
      microsoftNode('SkipLayerNormalization', ['x', 'row', 'scale'], ['n', '', '', 's']),
      node('Mul', ['n', 's'], ['y']),
      mean('y'),
    ],
    initializers: [axis1, ...scale, longs('axis0', [0])],
  },
  'SkipLayerNormalization of small numbers': {
    nodes: [
      node('Mul', ['x', 'little'], ['l']),
      microsoftNode('SkipLayerNormalization', ['l', 'l', 'scale'], ['y']),
      mean('y'),
    ],
    initializers: [axis1, ...scale, floats('little', [], [1e-3])],
  },
  'EmbedLayerNormalization without segments and mask': embedded([], []),
  'EmbedLayerNormalization with a mask, and places of tokens': embedded(
    ['mask', 'ids'],
    [node('Greater', ['ids', 'least'], ['on']), node('Cast', ['on'], ['mask'], { to: 6 })],
    { epsilon: { f: 0.2 } },
  ),
  SkipSimplifiedLayerNormalization: skipped('SkipSimplifiedLayerNormalization', ['x', 'e', 'scale', 'bias']),
};

describe('ONNX Runtime’s own operators give its results and the slope of finite differences', () => {
  it.each(Object.entries(cases))('%s', (_, operatorCase) => checkOperator(operatorCase));
});
