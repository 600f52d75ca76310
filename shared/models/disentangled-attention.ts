/**
 * @file DeBERTa's attention (He et al., 2021, Section 3.1): content to content, content to
 *   position, position to content. Values are heads first, [heads, batch, seq, ..], so that the
 *   scores of positions are one product per head.
 */

import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { multiplied, type Size, summed } from '../graph/sizes.ts';
import { axes } from './axes.ts';
import type { DistanceRows } from './distance-buckets.ts';
import { dropout, linear, type ModuleScope } from './scope.ts';

/** What a model's attention is made of. */
export interface DisentangledShape {
  readonly heads: number;
  readonly hiddenSize: number;
  /** Whether contents look at positions, and positions at contents. */
  readonly contentToPosition: boolean;
  readonly positionToContent: boolean;
  /** Whether positions are projected by the layers that project contents. */
  readonly sharedProjections: boolean;
  readonly attentionDropout: number;
  readonly hiddenDropout: number;
}

/** The relative positions of a batch. */
export interface RelativePositions {
  /** [2*span, hiddenSize] */
  readonly table: Value;
  readonly rows: DistanceRows;
}

/** What attention leaves out, from the attention mask. */
export interface AttentionMasks {
  /** Added to scores: float32's lowest value at keys that are padding, [batch, 1, seq]. */
  readonly keys: Value;
  /** 1 for tokens, 0 for padding, float32 [batch*seq, 1]. */
  readonly tokens: Value;
}

/**
 * softmax((q k^T + q K_r^T + Q_r k^T) / sqrt(d (1 + terms of position))) v for every head, 0 for
 * padding. The divisor counts the terms of `shape` also where there are no relative positions.
 *
 * @param hidden [batch*seq, hiddenSize]
 * @param positions null for attention without relative positions
 * @returns [batch*seq, hiddenSize]
 */
export function disentangledAttention(
  scope: ModuleScope,
  shape: DisentangledShape,
  hidden: Value,
  masks: AttentionMasks,
  positions: RelativePositions | null,
): Value {
  const { heads, hiddenSize, contentToPosition, positionToContent } = shape;
  const headSize = hiddenSize / heads;
  const terms = 1 + Number(contentToPosition) + Number(positionToContent);
  const scale = 1 / Math.sqrt(headSize * terms);
  const query = linear(scope, 'query_proj', hidden, hiddenSize);
  const key = linear(scope, 'key_proj', hidden, hiddenSize);
  const value = linear(scope, 'value_proj', hidden, hiddenSize);
  const projected = positions === null ? null : projectTable(scope, shape, positions.table);

  return scope.build.graph.scope(`${scope.prefix}attention`, () => {
    const split = (x: Value): Value =>
      ops.transpose(ops.reshape(x, [axes.batch, axes.seq, heads, headSize]), [2, 0, 1, 3]);
    const q = split(ops.mulScalar(query, scale));
    const k = split(key);
    let scores = ops.matMul(q, ops.transposeLast(k)); // [heads, batch, seq, seq]
    if (positions !== null && projected?.keys !== undefined) {
      scores = ops.add(scores, scoresOfPositions(q, projected.keys, positions.rows.falling));
    }
    if (positions !== null && projected?.queries !== undefined) {
      const table = ops.mulScalar(projected.queries, scale);
      const byKey = scoresOfPositions(k, table, positions.rows.rising);
      scores = ops.add(scores, ops.transposeLast(byKey));
    }
    const weights = dropout(scope, ops.softmax(ops.add(scores, masks.keys)), shape.attentionDropout);
    const context = ops.transpose(ops.matMul(weights, split(value)), [1, 2, 0, 3]);
    return ops.mul(ops.reshape(context, [axes.tokens, hiddenSize]), masks.tokens);
  });
}

/**
 * Keys and queries of the relative positions, [2*span, hiddenSize], as far as there are terms that
 * read them.
 */
function projectTable(
  scope: ModuleScope,
  { hiddenSize, hiddenDropout, sharedProjections, ...terms }: DisentangledShape,
  relative: Value,
): { keys?: Value; queries?: Value } {
  const table = dropout(scope, relative, hiddenDropout);
  const [keyLayer, queryLayer] = sharedProjections
    ? ['key_proj', 'query_proj']
    : ['pos_key_proj', 'pos_query_proj'];
  return {
    ...(terms.contentToPosition ? { keys: linear(scope, keyLayer, table, hiddenSize) } : {}),
    ...(terms.positionToContent ? { queries: linear(scope, queryLayer, table, hiddenSize) } : {}),
  };
}

/**
 * The product of every token i with the position that token j has to it. Products are taken with
 * the rows of all distances in their order, so that those of token i begin one place earlier than
 * those of token i - 1: with rows one shorter they stand below each other, and no index has to be
 * looked up, forward or backward.
 *
 * @param tokens [heads, batch, seq, headSize]
 * @param table [2*span, hiddenSize]
 * @param rows of the distances, int32 [2*seq]: the one at seq - 1 + j - i is that of token i to
 *   token j
 * @returns [heads, batch, seq, seq]
 */
function scoresOfPositions(tokens: Value, table: Value, rows: Value): Value {
  const graph = tokens.graph;
  const [heads, , , headSize] = tokens.shape as [number, Size, Size, number];
  const ordered = ops.reshape(ops.gather(table, rows), [multiplied([2, axes.seq]), heads, headSize]);
  const products = ops.matMul(
    ops.reshape(tokens, [heads, axes.tokens, headSize]),
    ops.transpose(ordered, [1, 2, 0]),
  ); // [heads, batch*seq, 2*seq]
  const shorterRows = summed([multiplied([2, axes.seq]), -1]);
  const flat = ops.reshape(products, [heads, axes.batch, multiplied([2, axes.seq, axes.seq])]);
  const lessThanSeq = ops.sub(graph.integers([1]), ops.runTimeSize(graph, axes.seq));
  const begun = ops.padAxis(flat, 2, lessThanSeq, graph.integers([-1]), multiplied([axes.seq, shorterRows]));
  const shorter = ops.reshape(begun, [heads, axes.batch, axes.seq, shorterRows]);
  return ops.padAxis(shorter, 3, graph.integers([0]), lessThanSeq, axes.seq);
}
