/**
 * @file Which row of a table of relative positions stands for a distance between tokens (DeBERTa,
 *   log buckets of v3).
 */

import type { Graph, Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { multiplied } from '../graph/sizes.ts';
import { axes } from './axes.ts';

/** The distances that a model tells apart. */
export interface DistanceBuckets {
  /** Buckets for each direction; 0 where every distance has a row of its own. */
  readonly buckets: number;
  /** Distance at which the last bucket begins. */
  readonly maxDistance: number;
  /** The most tokens of a sequence. */
  readonly maxLength: number;
}

/** Rows of the table for each direction: half of its size. */
export function spanOf({ buckets, maxDistance }: DistanceBuckets): number {
  return buckets > 0 ? buckets : maxDistance;
}

/**
 * The bucket of the distance query - key: distances up to half of the buckets have one each, longer
 * ones share them on a logarithmic scale.
 */
export function bucketOf(distance: number, { buckets, maxDistance }: DistanceBuckets): number {
  const middle = Math.floor(buckets / 2);
  const size = Math.abs(distance);
  if (buckets <= 0 || size <= middle) return distance;
  const scale = Math.log(size / middle) / Math.log((maxDistance - 1) / middle);
  return Math.sign(distance) * (Math.ceil(scale * (middle - 1)) + middle);
}

/**
 * Table rows of neighbouring distances, int32 [2*seq]: `rows[k]` for one distance, `rows[k + 1]`
 * for the next.
 */
export interface DistanceRows {
  /** Of the distances seq - 1, .., -seq. */
  readonly falling: Value;
  /** Of the distances -(seq - 1), .., seq. */
  readonly rising: Value;
}

/** The table rows of all distances in a batch, cut from those of the longest sequence. */
export function distanceRows(graph: Graph, relative: DistanceBuckets): DistanceRows {
  const { maxLength } = relative;
  const span = spanOf(relative);
  const rising = Int32Array.from({ length: 2 * maxLength + 1 }, (_, index) =>
    Math.min(Math.max(bucketOf(index - maxLength, relative) + span, 0), 2 * span - 1),
  );
  const seq = ops.runTimeSize(graph, axes.seq);
  const before = ops.sub(seq, graph.integers([maxLength + 1]));
  const after = ops.sub(seq, graph.integers([maxLength]));
  const cut = (rows: Int32Array): Value =>
    ops.padAxis(graph.constant(rows, [rows.length]), 0, before, after, multiplied([2, axes.seq]));
  return { falling: cut(rising.toReversed()), rising: cut(rising) };
}
