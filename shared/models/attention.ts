/**
 * @file Parts that the encoders share: multi-head attention, its mask, activations, one row per
 *   sequence.
 */

import { RegmeanError } from '../errors.ts';
import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { multiplied, type Size } from '../graph/sizes.ts';
import { axes } from './axes.ts';
import { dropout, type ModuleScope } from './scope.ts';

/** What a score gets where attention is not allowed. */
export const lowestFloat32 = -3.4028234663852886e38;

/**
 * The additive mask of Hugging Face: 0 where attention is allowed, float32's lowest value where it
 * is not.
 */
export function additiveMask(attentionMask: Value): Value {
  const graph = attentionMask.graph;
  const blocked = ops.sub(graph.scalar(1), ops.cast(attentionMask, 'float32'));
  return ops.reshape(ops.mulScalar(blocked, lowestFloat32), [axes.batch, 1, 1, axes.seq]);
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
    const split = (x: Value): Value => ops.reshape(x, [axes.batch, axes.seq, heads, headSize]);
    const q = ops.transpose(split(ops.mulScalar(query, 1 / Math.sqrt(headSize))), [0, 2, 1, 3]);
    const kTransposed = ops.transpose(split(key), [0, 2, 3, 1]);
    const v = ops.transpose(split(value), [0, 2, 1, 3]);
    const scores = ops.add(ops.matMul(q, kTransposed), mask); // [batch, heads, seq, seq]
    const weights = dropout(scope, ops.softmax(scores), shape.dropout);
    const context = ops.transpose(ops.matMul(weights, v), [0, 2, 1, 3]); // [batch, seq, heads, headSize]
    return ops.reshape(context, [axes.tokens, heads * headSize]);
  });
}

/**
 * Rows of all heads beside each other, apart: [batch*length, heads*size] -> [batch, heads, length,
 * size].
 */
export function splitHeads(x: Value, length: Size, heads: number): Value {
  const size = Number(x.shape.at(-1)) / heads;
  return ops.transpose(ops.reshape(x, [axes.batch, length, heads, size]), [0, 2, 1, 3]);
}

/**
 * softmax(q k^T + bias) v, for every head.
 *
 * @param query [batch, heads, queries, headSize], scaled as the model scales it; or [batch, groups,
 *   heads, ..] in groups of heads
 * @param key [batch, heads, keys, headSize], like value; [batch, groups, 1, ..] where a group
 *   shares them
 * @param bias broadcasts to the scores, [batch, heads, queries, keys]
 * @returns [batch*queries, heads*headSize]
 */
export function attend(
  scope: ModuleScope,
  query: Value,
  key: Value,
  value: Value,
  bias: Value,
  dropoutProbability: number,
): Value {
  const rank = query.shape.length;
  const queries = query.shape[rank - 2] as Size;
  const width = multiplied([...query.shape.slice(1, rank - 2), query.shape[rank - 1] as Size]);
  const queriesFirst = [0, rank - 2, ...Array.from({ length: rank - 3 }, (_, axis) => axis + 1), rank - 1];
  return scope.build.graph.scope(`${scope.prefix}attention`, () => {
    const scores = ops.add(ops.matMul(query, ops.transposeLast(key)), bias);
    const weights = dropout(scope, ops.softmax(scores), dropoutProbability);
    const context = ops.transpose(ops.matMul(weights, value), queriesFirst);
    return ops.reshape(context, [multiplied([axes.batch, queries]), width]);
  });
}

/**
 * The additive mask that keeps tokens from seeing later ones, and those `window` positions or more
 * before them.
 *
 * @param queries positions of the queries, int64 [queries]
 * @param keys positions of the keys, int64 [keys]
 * @param window how many tokens each one sees, itself included; all of them when null
 * @returns [queries, keys]
 */
export function causalMask(queries: Value, keys: Value, window: number | null = null): Value {
  const graph = queries.graph;
  const column = ops.reshape(queries, [queries.shape[0] as Size, 1]);
  const row = ops.reshape(keys, [1, keys.shape[0] as Size]);
  const [blocked, open] = [graph.scalar(lowestFloat32), graph.scalar(0)];
  const causal = ops.where(ops.greater(row, column), blocked, open);
  if (window === null) return causal;
  const isFar = ops.greater(ops.sub(column, row), graph.scalar(window - 1, 'int64'));
  return ops.where(isFar, blocked, causal);
}

/**
 * An additive mask that also keeps tokens apart which are more than `reach` positions from one
 * another, before or behind.
 *
 * @param mask [batch, 1, 1, seq]
 * @param positions int64 [seq]
 * @returns [batch, 1, seq, seq]
 */
export function slidingMask(mask: Value, positions: Value, reach: number): Value {
  const graph = mask.graph;
  const distances = ops.abs(
    ops.sub(ops.reshape(positions, [axes.seq, 1]), ops.reshape(positions, [1, axes.seq])),
  );
  const isFar = ops.greater(distances, graph.scalar(reach, 'int64'));
  return ops.where(isFar, graph.scalar(lowestFloat32), mask);
}

/** The activation function that a config names. */
export function activation(name: string): (x: Value) => Value {
  const found = activations.get(name);
  if (found !== undefined) return found;
  throw new RegmeanError(
    'unsupported',
    `config.json: activation must be one of ${[...activations.keys()].join(', ')}, got ${name}`,
  );
}

const silu = (x: Value): Value => ops.mul(x, ops.sigmoid(x));

/** Activation functions under Hugging Face's names. */
const activations: ReadonlyMap<string, (x: Value) => Value> = new Map([
  ['gelu', ops.gelu],
  ['gelu_python', ops.gelu],
  ['gelu_new', geluByTanh],
  ['gelu_fast', geluByTanh],
  ['gelu_pytorch_tanh', geluByTanh],
  ['quick_gelu', (x) => ops.mul(x, ops.sigmoid(ops.mulScalar(x, 1.702)))],
  ['relu', ops.relu],
  ['silu', silu],
  ['swish', silu],
  ['mish', (x) => ops.mul(x, ops.tanh(ops.softplus(x)))],
  ['tanh', ops.tanh],
]);

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
  const sequences = ops.reshape(hidden, [axes.batch, axes.seq, hiddenSize]);
  return ops.reshape(ops.slice(sequences, 1, 0, 1), [axes.batch, hiddenSize]);
}

/**
 * The mean over the tokens of every sequence, padding left out.
 *
 * @param hidden [batch*seq, hiddenSize]
 * @param attentionMask int32 [batch, seq]
 * @returns [batch, hiddenSize]
 */
export function meanOfTokens(hidden: Value, attentionMask: Value, hiddenSize: number): Value {
  const isToken = ops.reshape(ops.cast(attentionMask, 'float32'), [axes.batch, axes.seq, 1]);
  const tokens = ops.mul(ops.reshape(hidden, [axes.batch, axes.seq, hiddenSize]), isToken);
  const mean = ops.div(ops.reduceSum(tokens, [1], true), ops.reduceSum(isToken, [1], true)); // [batch, 1, hiddenSize]
  return ops.reshape(mean, [axes.batch, hiddenSize]);
}
