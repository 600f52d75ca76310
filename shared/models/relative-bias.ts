/**
 * @file T5's relative positions (Raffel et al., 2020): a learned bias for every head and bucket of
 *   distances. Near distances have a bucket each, farther ones share logarithmically growing
 *   buckets.
 */

import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import type { Size } from '../graph/sizes.ts';
import { at, embedding, type ModuleScope } from './scope.ts';

/** How distances are divided. */
export interface RelativeBuckets {
  readonly buckets: number;
  /** All distances from here on share the last bucket. */
  readonly maxDistance: number;
  /**
   * Whether keys behind the query have buckets of their own; otherwise they share the bucket of
   * distance 0.
   */
  readonly bidirectional: boolean;
}

/**
 * The bucket of key position - query position.
 *
 * Logarithms are rounded to float32 as PyTorch computes them, since whole results lie on the edges
 * of buckets.
 */
export function relativeBucket(
  distance: number,
  { buckets, maxDistance, bidirectional }: RelativeBuckets,
): number {
  const count = bidirectional ? Math.floor(buckets / 2) : buckets;
  const offset = bidirectional && distance > 0 ? count : 0;
  const length = bidirectional ? Math.abs(distance) : Math.max(-distance, 0);
  const exact = Math.floor(count / 2);
  if (length < exact) return offset + length;
  const logarithm = Math.fround(Math.log(Math.fround(length / exact)));
  const share = Math.fround(logarithm / Math.fround(Math.log(maxDistance / exact)));
  return offset + Math.min(exact + Math.trunc(Math.fround(share * (count - exact))), count - 1);
}

/**
 * The bias of every head for every pair of positions. Its table is `<name>.weight`, [buckets,
 * heads].
 *
 * @param queries positions of the queries, int64 [queries]
 * @param keys positions of the keys, int64 [keys]
 * @returns [heads, queries, keys]
 */
export function relativeBias(
  scope: ModuleScope,
  name: string,
  { queries, keys }: { readonly queries: Value; readonly keys: Value },
  heads: number,
  buckets: RelativeBuckets,
): Value {
  const graph = queries.graph;
  const [rows, columns] = [queries.shape[0] as Size, keys.shape[0] as Size];
  const farthest = buckets.maxDistance;
  const table = Int32Array.from({ length: 2 * farthest + 1 }, (_, index) =>
    relativeBucket(index - farthest, buckets),
  );
  return graph.scope(`${at(scope, name).prefix}buckets`, () => {
    const distance = ops.sub(ops.reshape(keys, [1, columns]), ops.reshape(queries, [rows, 1]));
    const limit = graph.scalar(farthest, 'int64');
    const near = ops.min(ops.max(distance, ops.neg(limit)), limit);
    const bucket = ops.gather(graph.constant(table, [table.length]), ops.add(near, limit)); // [queries, keys]
    return ops.transpose(embedding(scope, name, bucket, buckets.buckets, heads), [2, 0, 1]);
  });
}
