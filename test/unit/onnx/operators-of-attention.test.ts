import { describe, it } from 'vitest';
import type { OnnxNode, OnnxTensor } from '../../../shared/graph/onnx-schema.ts';
import { floats, longs, node } from '../../support/onnx-network.ts';
import { axis1, checkOperator, mean, type OperatorCase } from '../../support/operator-cases.ts';

const waves = (name: string, ...dims: number[]): OnnxTensor =>
  floats(
    name,
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, at) => Math.sin(3 * at + 1)),
  );
const projected: OnnxNode[] = ['q', 'k', 'v'].map((name) => node('MatMul', ['x', `w${name}`], [name]));
const square = [waves('wq', 4, 4), waves('wk', 4, 4), waves('wv', 4, 4)];
const narrow = [waves('wq', 4, 8), waves('wk', 4, 4), waves('wv', 4, 4)];
type Given = Parameters<typeof node>[3];

const attention = (
  attributes: Given,
  mask: readonly OnnxNode[] = [],
  initializers = square,
): OperatorCase => ({
  nodes: [
    ...projected,
    ...mask,
    node('Attention', mask.length > 0 ? ['q', 'k', 'v', 'mask'] : ['q', 'k', 'v'], ['y'], attributes),
    mean('y'),
  ],
  initializers: [axis1, ...initializers, longs('zero', [0]), longs('axis2', [2])],
  opset: 23,
});
const two: Given = { q_num_heads: 2, kv_num_heads: 2 };
/** A mask for every pair of tokens, by an operator on rows and columns. */
const pairs = (type: string, from: string): OnnxNode[] => [
  node('Unsqueeze', [from, 'axis1'], ['row']),
  node('Unsqueeze', [from, 'axis2'], ['column']),
  node(type, ['row', 'column'], ['pair']),
  node('Unsqueeze', ['pair', 'axis1'], ['mask']),
];
/** Tokens that are not 0 read each other; 0 reads nothing. */
const boolMask = [node('Greater', ['input_ids', 'zero'], ['on']), ...pairs('And', 'on')];
const floatMask = [node('Cast', ['input_ids'], ['number'], { to: 1 }), ...pairs('Sub', 'number')];

/** Rotation by table rows, and a product so that it matters. */
const rotated = (inputs: string[], attributes: Given, initializers: readonly OnnxTensor[]): OperatorCase => ({
  nodes: [
    node('Shape', ['x'], ['tokens1'], { start: 1, end: 2 }),
    node('Squeeze', ['tokens1'], ['tokens']),
    node('Range', ['at0', 'tokens', 'at1'], ['row']),
    node('Unsqueeze', ['row', 'axis0'], ['row2']),
    node('Shape', ['input_ids'], ['sizes']),
    node('Expand', ['row2', 'sizes'], ['places']),
    node('RotaryEmbedding', inputs, ['r'], attributes),
    node('Mul', ['r', 'x'], ['y']),
    mean('y'),
  ],
  initializers: [axis1, longs('at0', 0), longs('at1', 1), longs('axis0', [0]), ...initializers],
  opset: 23,
});

const cases: Readonly<Record<string, OperatorCase>> = {
  'Attention of two heads': attention(two),
  'Attention with its own scale and a soft cap': attention({
    ...two,
    scale: { f: 0.7 },
    softcap: { f: 0.5 },
  }),
  'Attention that only looks back': attention({ ...two, is_causal: 1 }),
  'Attention with a mask of truth values': attention(two, boolMask),
  'Attention with a mask of truth values that only looks back': attention({ ...two, is_causal: 1 }, boolMask),
  'Attention with a mask that is added': attention(two, floatMask),
  'Attention of four heads that share two': attention({ q_num_heads: 4, kv_num_heads: 2 }, [], narrow),
  'Attention of tensors by head': {
    nodes: [
      ...projected,
      ...['q', 'k', 'v'].flatMap((name) => [
        node('Reshape', [name, 'split'], [`${name}s`]),
        node('Transpose', [`${name}s`], [`${name}h`], { perm: [0, 2, 1, 3] }),
      ]),
      node('Attention', ['qh', 'kh', 'vh'], ['a']),
      node('Transpose', ['a'], ['t'], { perm: [0, 2, 1, 3] }),
      node('Reshape', ['t', 'joined'], ['y']),
      mean('y'),
    ],
    initializers: [axis1, ...square, longs('split', [0, 0, 2, 2]), longs('joined', [0, 0, 4])],
    opset: 23,
  },
  'RotaryEmbedding by halves': rotated(['x', 'cos', 'sin', 'places'], { num_heads: 1 }, [
    waves('cos', 8, 2),
    waves('sin', 8, 2),
  ]),
  'RotaryEmbedding of neighbours': rotated(['x', 'cos', 'sin', 'places'], { num_heads: 1, interleaved: 1 }, [
    waves('cos', 8, 2),
    waves('sin', 8, 2),
  ]),
  'RotaryEmbedding of a part of two heads': rotated(
    ['x', 'cos', 'sin', 'places'],
    { num_heads: 1, rotary_embedding_dim: 2 },
    [waves('cos', 8, 1), waves('sin', 8, 1)],
  ),
};

describe('operators of attention give ONNX Runtime’s results and the slope of finite differences', () => {
  it.each(Object.entries(cases))('%s', (_, operatorCase) => checkOperator(operatorCase));
});
