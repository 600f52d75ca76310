import { describe, expect, it } from 'vitest';
import { type RelativeBuckets, relativeBucket } from '../../../shared/models/relative-bias.ts';

const t5: RelativeBuckets = { buckets: 32, maxDistance: 128, bidirectional: true };
const bucketsOf = (distances: readonly number[], changes: Partial<RelativeBuckets> = {}): number[] =>
  distances.map((distance) => relativeBucket(distance, { ...t5, ...changes }));

describe('relativeBucket', () => {
  it('gives each near distance a bucket, keys behind and ahead of the query apart', () => {
    expect(bucketsOf([0, -1, -2, -7])).toEqual([0, 1, 2, 7]);
    expect(bucketsOf([1, 2, 7])).toEqual([17, 18, 23]);
  });

  it('gives far distances logarithmic buckets, whose edges are whole powers of two', () => {
    // 8 * 16^(k/8): bucket 8 + k begins there.
    expect(bucketsOf([-8, -11, -12, -15, -16, -22, -23, -31, -32, -63, -64])).toEqual([
      8, 8, 9, 9, 10, 10, 11, 11, 12, 13, 14,
    ]);
  });

  it('puts all distances from the farthest on into the last bucket', () => {
    expect(bucketsOf([-90, -91, -127, -128, -5000, 128, 5000])).toEqual([14, 15, 15, 15, 15, 31, 31]);
  });

  it('has no buckets for later keys where attention looks back only', () => {
    expect(bucketsOf([5, 0, -1, -15, -16, -127, -200], { bidirectional: false })).toEqual([
      0, 0, 1, 15, 16, 31, 31,
    ]);
  });
});
