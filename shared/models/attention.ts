/** @file Parts that the encoders share: multi-head attention, its mask, activations, the first token. */
import { RegmeanError } from '../errors.ts';
import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { dropout, type ModuleScope } from './scope.ts';

const lowestFloat32 = -3.4028234663852886e38;

/** The additive mask of Hugging Face: 0 where attention is allowed, float32's lowest value where it is not. */
export function additiveMask(attentionMask: Value): Value {
  const graph = attentionMask.graph;
  const blocked = ops.sub(graph.scalar(1), ops.cast(attentionMask, 'float32'));
  return ops.reshape(ops.mulScalar(blocked, lowestFloat32), ['batch', 1, 1, 'seq']);
}

/** Sizes of an attention block. */
export interface AttentionShape {
  readonly heads: number;
  readonly headSize: number;
  readonly dropout: number;
}

/**
 * softmax(q k^T / sqrt(headSize) + mask) v, for every head.
 *
 * @param query [batch*seq, heads*headSize], like key and value
 * @param mask additive, [batch, 1, 1, seq]
 * @returns [batch*seq, heads*headSize]
 */
export function multiHeadAttention(
  scope: ModuleScope,
  query: Value,
  key: Value,
  value: Value,
  mask: Value,
  shape: AttentionShape,
): Value {
  const { heads, headSize } = shape;
  return scope.build.graph.scope(`${scope.prefix}attention`, () => {
    const split = (x: Value): Value => ops.reshape(x, ['batch', 'seq', heads, headSize]);
    const q = ops.transpose(split(ops.mulScalar(query, 1 / Math.sqrt(headSize))), [0, 2, 1, 3]);
    const kTransposed = ops.transpose(split(key), [0, 2, 3, 1]);
    const v = ops.transpose(split(value), [0, 2, 1, 3]);
    const scores = ops.add(ops.matMul(q, kTransposed), mask); // [batch, heads, seq, seq]
    const weights = dropout(scope, ops.softmax(scores), shape.dropout);
    const context = ops.transpose(ops.matMul(weights, v), [0, 2, 1, 3]); // [batch, seq, heads, headSize]
    return ops.reshape(context, ['batch*seq', heads * headSize]);
  });
}

/** The activation function that a config names. */
export function activation(name: string): (x: Value) => Value {
  if (name === 'gelu') return ops.gelu;
  if (name === 'gelu_new' || name === 'gelu_pytorch_tanh') return geluByTanh;
  if (name === 'relu') return ops.relu;
  throw new RegmeanError(
    'unsupported',
    `config.json: activation must be gelu, gelu_new, gelu_pytorch_tanh or relu, got ${name}`,
  );
}

/** GELU's approximation x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
function geluByTanh(x: Value): Value {
  const cube = ops.mul(ops.mul(x, x), x);
  const inner = ops.mulScalar(ops.add(x, ops.mulScalar(cube, 0.044715)), Math.sqrt(2 / Math.PI));
  return ops.mul(ops.mulScalar(x, 0.5), ops.add(ops.tanh(inner), x.graph.scalar(1)));
}

/**
 * The first token of every sequence.
 *
 * @param hidden [batch*seq, hiddenSize]
 * @returns [batch, hiddenSize]
 */
export function firstToken(hidden: Value, hiddenSize: number): Value {
  const sequences = ops.reshape(hidden, ['batch', 'seq', hiddenSize]);
  return ops.reshape(ops.slice(sequences, 1, 0, 1), ['batch', hiddenSize]);
}
