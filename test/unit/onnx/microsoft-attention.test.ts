import { describe, expect, it } from 'vitest';
import { gradients } from '../../../shared/graph/gradients.ts';
import type { OnnxNode, OnnxTensor } from '../../../shared/graph/onnx-schema.ts';
import * as ops from '../../../shared/graph/ops/index.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import { floats, longs, microsoftNode, node } from '../../support/onnx-network.ts';
import {
  axis1,
  checkOperator,
  expectOnnxRuntimesLogits,
  expectSlopes,
  meanBefore18 as mean,
  modelOf,
  type OperatorCase,
} from '../../support/operator-cases.ts';

const waves = (name: string, ...dims: number[]): OnnxTensor =>
  floats(
    name,
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, at) => Math.sin(3 * at + 1)),
  );
type Given = Parameters<typeof node>[3];
const int32 = 6;
const two: Given = { num_heads: 2 };

/** Masks made of the tokens, where 0 is padding: the first text ends with it. */
const padding: readonly OnnxNode[] = [
  node('Greater', ['input_ids', 'zero'], ['on']),
  node('Cast', ['on'], ['raw'], { to: int32 }),
];
const lengths: readonly OnnxNode[] = [
  ...padding,
  node('ReduceSum', ['raw', 'axis1'], ['lengths'], { keepdims: 0 }),
];
/** Ones and zeros for every pair of tokens, with a one in every row. */
const pairs: readonly OnnxNode[] = [
  node('Unsqueeze', ['input_ids', 'axis1'], ['row']),
  node('Unsqueeze', ['input_ids', 'axis2'], ['column']),
  node('GreaterOrEqual', ['row', 'column'], ['larger']),
  node('Cast', ['larger'], ['pairs'], { to: int32 }),
];
const single: readonly OnnxNode[] = [
  ...padding,
  node('ReduceMin', ['raw'], ['single'], { axes: [1], keepdims: 1 }),
];
/** [batch, heads, tokens, tokens], or 1 for each of the first two. */
const biasOfAll: readonly OnnxNode[] = [
  node('Reshape', ['x', 'split'], ['apart']),
  node('Transpose', ['apart'], ['byHead'], { perm: [0, 2, 1, 3] }),
  node('Transpose', ['apart'], ['turned'], { perm: [0, 2, 3, 1] }),
  node('MatMul', ['byHead', 'turned'], ['all']),
];
const biasOfOne: readonly OnnxNode[] = [...biasOfAll, node('ReduceMean', ['all'], ['one'], { axes: [0, 1] })];

const given = [axis1, longs('axis2', [2]), longs('zero', [0]), longs('split', [0, 0, 2, 2])];

const attention = (
  more: readonly string[],
  attributes: Given,
  before: readonly OnnxNode[] = [],
  width = 12,
): OperatorCase => ({
  nodes: [...before, microsoftNode('Attention', ['x', 'w', 'b', ...more], ['y'], attributes), mean('y')],
  initializers: [...given, waves('w', 4, width), waves('b', width)],
  opset: 17,
});

/** Of queries, keys and values that are products with matrices; values are wider. */
const multiHead = (
  more: readonly string[],
  attributes: Given = two,
  before: readonly OnnxNode[] = [],
): OperatorCase => ({
  nodes: [
    ...before,
    node('MatMul', ['x', 'wq'], ['q']),
    node('MatMul', ['x', 'wk'], ['k']),
    node('MatMul', ['x', 'wv'], ['v']),
    microsoftNode('MultiHeadAttention', ['q', 'k', 'v', ...more], ['y'], attributes),
    mean('y'),
  ],
  initializers: [...given, waves('wq', 4, 4), waves('wk', 4, 4), waves('wv', 4, 6), waves('b', 14)],
  opset: 17,
});

/** Rotation of x at places, and a product so that it matters. */
const rotated = (attributes: Given, half: number, places: readonly OnnxNode[] = []): OperatorCase => ({
  nodes: [
    ...places,
    microsoftNode('RotaryEmbedding', ['x', 'places', 'cos', 'sin'], ['r'], attributes),
    node('Mul', ['r', 'x'], ['y']),
    mean('y'),
  ],
  initializers: [
    ...given,
    ...(places.length > 0 ? [] : [longs('places', [2])]),
    waves('cos', 8, half),
    waves('sin', 8, half),
  ],
  opset: 17,
});

const cases: Readonly<Record<string, OperatorCase>> = {
  'Attention of two heads': attention([], two),
  'Attention with its own scale': attention([], { ...two, scale: { f: 0.3 } }),
  'Attention with widths of queries, keys and values': attention(
    [],
    { ...two, qkv_hidden_sizes: [4, 4, 6] },
    [],
    14,
  ),
  'Attention with a mask of tokens': attention(['raw'], two, padding),
  'Attention with lengths of texts': attention(['lengths'], two, lengths),
  'Attention with a mask for every pair of tokens': attention(['pairs'], two, pairs),
  'Attention with one mask element for a text, which changes nothing': attention(['single'], two, single),
  'Attention that only looks back': attention([], { ...two, unidirectional: 1 }),
  'Attention that only looks back, with a mask of tokens': attention(
    ['raw'],
    { ...two, unidirectional: 1, mask_filter_value: { f: -3.4028234663852886e38 } },
    padding,
  ),
  'Attention with a bias of its scores': attention(['', '', 'all'], two, biasOfAll),
  'Attention with a bias of its scores and a mask': attention(['raw', '', 'one'], two, [
    ...padding,
    ...biasOfOne,
  ]),
  'MultiHeadAttention without biases': multiHead([]),
  'MultiHeadAttention with biases and lengths': multiHead(['b', 'lengths'], two, lengths),
  'MultiHeadAttention with a mask of tokens': multiHead(['b', 'raw'], two, padding),
  'MultiHeadAttention that only looks back, with a bias of its scores': multiHead(
    ['', '', 'one'],
    { ...two, unidirectional: 1, scale: { f: 0.4 } },
    biasOfOne,
  ),
  'MultiHeadAttention of keys and values by head, of fewer tokens': {
    nodes: [
      ...biasOfAll,
      node('Slice', ['byHead', 'first', 'fourth', 'axis2'], ['k']),
      node('Exp', ['k'], ['v']),
      microsoftNode('MultiHeadAttention', ['x', 'k', 'v'], ['y'], two),
      mean('y'),
    ],
    initializers: [...given, longs('first', [0]), longs('fourth', [4])],
    opset: 17,
  },
  'Attention whose keys and values are asked for': {
    ...attention([], two),
    nodes: [
      microsoftNode('Attention', ['x', 'w', 'b'], ['y', 'present'], two),
      node('Gather', ['present', 'second'], ['values']),
      node('ReduceMean', ['values'], ['v'], { axes: [1, 2], keepdims: 0 }),
      node('ReduceMean', ['y'], ['m'], { axes: [1], keepdims: 0 }),
      node('Concat', ['v', 'm'], ['logits'], { axis: 1 }),
    ],
    initializers: [...(attention([], two).initializers ?? []), longs('second', 1)],
  },
  'MultiHeadAttention whose keys and values are asked for': {
    ...multiHead([]),
    nodes: [
      ...multiHead([]).nodes.slice(0, 3),
      microsoftNode('MultiHeadAttention', ['q', 'k', 'v'], ['y', 'keys', 'values'], two),
      node('ReduceMean', ['keys'], ['a'], { axes: [1, 2], keepdims: 0 }),
      node('ReduceMax', ['values'], ['c'], { axes: [1, 2], keepdims: 0 }),
      node('ReduceMean', ['y'], ['m'], { axes: [1], keepdims: 0 }),
      node('Concat', ['a', 'c', 'm'], ['logits'], { axis: 1 }),
    ],
  },
  'RotaryEmbedding from a place on': rotated({}, 2),
  'RotaryEmbedding at places of tokens, of neighbours': rotated({ interleaved: 1 }, 2, [
    node('Identity', ['input_ids'], ['places']),
  ]),
  'RotaryEmbedding of two heads': rotated({ num_heads: 2 }, 1),
  'RotaryEmbedding of a part of every head': rotated({ num_heads: 1, rotary_embedding_dim: 2 }, 1),
  'RotaryEmbedding of a tensor by head': {
    nodes: [
      ...biasOfAll.slice(0, 2),
      microsoftNode('RotaryEmbedding', ['byHead', 'places', 'cos', 'sin'], ['r']),
      node('Mul', ['r', 'byHead'], ['y']),
      node('ReduceMean', ['y'], ['m'], { axes: [2], keepdims: 0 }),
      node('Reshape', ['m', 'flat'], ['logits']),
    ],
    initializers: [
      ...[...given, longs('places', [3]), longs('flat', [0, 4])],
      ...[waves('cos', 8, 1), waves('sin', 8, 1)],
    ],
    opset: 17,
  },
};

describe('ONNX Runtime’s attention gives its results and the slope of finite differences', () => {
  it.each(Object.entries(cases))('%s', (_, operatorCase) => checkOperator(operatorCase));
});

/** x three times beside itself, with numbers of its own for queries, keys and values. */
const packed: readonly OnnxNode[] = [
  node('MatMul', ['x', 'w'], ['p']),
  node('Reshape', ['p', 'packs'], ['all']),
  node('Split', ['all', 'split'], ['q5', 'k5', 'v5'], { axis: 3 }),
  ...['q', 'k', 'v'].map((name) => node('Reshape', [`${name}5`, 'flat'], [name])),
  node('Slice', ['all', 'one', 'three', 'axis3'], ['kv']),
];
const packing = (node: OnnxNode): OperatorCase => ({
  nodes: [...packed, node, mean('y')],
  initializers: [
    ...[axis1, waves('w', 4, 12), waves('b', 12)],
    ...[longs('packs', [0, 0, 2, 3, 2]), longs('split', [1, 1, 1]), longs('flat', [0, 0, 4])],
    ...[longs('one', [1]), longs('three', [3]), longs('axis3', [3])],
  ],
  opset: 17,
});

it.each([
  ['queries, keys and values', ['all', '', '', 'b'], ['q', 'k', 'v', 'b']],
  ['keys and values', ['q', 'kv'], ['q', 'k', 'v']],
])(
  'MultiHeadAttention of %s in one tensor, for which there is no CPU kernel, is that of them apart',
  async (_, one, apart) => {
    const of = (input: string[]): OperatorCase =>
      packing(microsoftNode('MultiHeadAttention', input, ['y'], two));
    const [{ model }, { bytes }] = [await modelOf(of(one)), await modelOf(of(apart))];
    await expectOnnxRuntimesLogits({ model, bytes });
    await expectSlopes(model);
  },
);

it('attention with a mask in a form that is not read runs as it is, and is named when a gradient is asked for', async () => {
  const ends: OnnxNode[] = [
    ...lengths,
    node('Sub', ['lengths', 'lengths'], ['starts']),
    node('Concat', ['lengths', 'starts'], ['both'], { axis: 0 }),
  ];
  const { model, bytes } = await modelOf(attention(['both'], two, ends));
  await expectOnnxRuntimesLogits({ model, bytes });
  const { logits, parameters } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  const targets = [...parameters.values()].map(({ value }) => value);
  expect(() => gradients(ops.sumAll(logits), targets)).toThrow(
    'gradients: Attention (/y/Attention) has no gradient rule',
  );
});

it('attention whose weight cannot be told apart by head is refused, with the widths', async () => {
  await expect(modelOf(attention([], { num_heads: 5 }))).rejects.toThrow(
    'node /y/Attention (Attention): Attention: widths of queries, keys and values must be multiples of 5 heads, got 4, 4, 4',
  );
});
