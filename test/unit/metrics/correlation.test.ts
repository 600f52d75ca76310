import { describe, expect, it } from 'vitest';
import { meanSquaredError, pearson, ranks, spearman } from '../../../shared/metrics/correlation.ts';

const a = [1, 2, 2, 4, 5, 7];
const b = [2.5, 0, 1, 1, 6, 3];

describe('correlations', () => {
  it("are those of NumPy's corrcoef and of Python's statistics.correlation", () => {
    expect(pearson(a, b)).toBeCloseTo(0.5072072434697051, 14);
  });

  it('rank ties by their average', () => {
    expect([...ranks(a)]).toEqual([1, 2.5, 2.5, 4, 5, 6]);
    expect([...ranks([3, 3, 3])]).toEqual([2, 2, 2]);
    // statistics.correlation of the ranks [1, 2.5, 2.5, 4, 5, 6] and [4, 1, 2.5, 2.5, 6, 5].
    expect(spearman(a, b)).toBeCloseTo(0.5441176470588235, 14);
  });

  it('are 1 for a rising line, -1 for a falling one, and Spearman 1 for any rising curve', () => {
    expect(pearson([1, 2, 3], [10, 20, 30])).toBeCloseTo(1, 14);
    expect(pearson([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 14);
    expect(spearman([1, 2, 3, 4], [1, 10, 100, 1000])).toBeCloseTo(1, 14);
  });

  it('are 0 where one side is constant', () => {
    expect(pearson([2, 2, 2], [1, 2, 3])).toBe(0);
    expect(spearman([1, 2, 3], [5, 5, 5])).toBe(0);
  });
});

describe('mean squared error', () => {
  it('is the mean of squared differences', () => {
    // (1.5^2 + 2^2 + 1 + 3^2 + 1 + 4^2) / 6
    expect(meanSquaredError(a, b)).toBeCloseTo(33.25 / 6, 14);
  });
});
