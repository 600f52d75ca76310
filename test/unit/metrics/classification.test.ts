import { describe, expect, it } from 'vitest';
import {
  accuracy,
  countClasses,
  countLabels,
  f1,
  macroF1,
  matthewsCorrelation,
  microF1,
} from '../../../shared/metrics/classification.ts';

// Confusion matrix of these two, gold by row: [[3, 1, 0], [1, 1, 1], [0, 2, 1]]. Expected values
// are worked out from it by hand as fractions; scikit-learn defines every one of them the same way.
const gold = [0, 1, 2, 0, 1, 2, 0, 0, 1, 2];
const predicted = [0, 2, 1, 0, 0, 1, 0, 1, 1, 2];
const counts = countClasses({ predicted, gold }, 4);

describe('accuracy', () => {
  it('is the share of right answers', () => {
    expect(accuracy(predicted, gold)).toBe(5 / 10);
  });
});

describe('F1', () => {
  it('is 2 TP / (predicted + gold) of a class, 0 for a class that does not occur', () => {
    expect(counts.map(f1)).toEqual([6 / 8, 2 / 7, 2 / 5, 0]);
  });

  it('is averaged over the classes that occur, or over a given subset', () => {
    expect(macroF1(counts)).toBeCloseTo((3 / 4 + 2 / 7 + 2 / 5) / 3, 14);
    expect(macroF1(counts, [0, 2])).toBeCloseTo((3 / 4 + 2 / 5) / 2, 14);
    expect(macroF1(counts, [0, 3])).toBeCloseTo(3 / 8, 14);
    expect(() => macroF1(counts, [4])).toThrow('macroF1: class must be below 4, got 4');
  });

  it('counts a class that is predicted but not there', () => {
    // Class 1 is claimed once and never right: F1 0. Class 0: 2 * 1 / (1 + 2).
    expect(macroF1(countClasses({ predicted: [0, 1], gold: [0, 0] }, 2))).toBeCloseTo((2 / 3 + 0) / 2, 14);
  });

  it('of multi-label rows is taken per class (macro) and over all decisions (micro)', () => {
    // Class 0: TP 2, predicted 2, gold 3. Class 1: TP 0, predicted 1, gold 1. Class 2: TP 1,
    // predicted 1, gold 1.
    const goldFlags = [1, 0, 0, 1, 1, 0, 1, 0, 1];
    const flags = [1, 1, 0, 1, 0, 0, 0, 0, 1];
    const own = countLabels({ predicted: flags, gold: goldFlags }, 3);
    expect(macroF1(own)).toBeCloseTo((4 / 5 + 0 + 1) / 3, 14);
    expect(microF1(own)).toBeCloseTo(6 / 9, 14);
  });
});

describe('Matthews correlation', () => {
  it('is the correlation of the one-hot matrices', () => {
    // cov(gold, predicted) = 8/5, cov(predicted, predicted) = 32/5, cov(gold, gold) = 33/5, summed
    // over classes.
    expect(matthewsCorrelation(counts)).toBeCloseTo(8 / 5 / Math.sqrt((32 / 5) * (33 / 5)), 14);
  });

  it('is (TP TN - FP FN) / sqrt(...) for two classes', () => {
    // TP 3, TN 2, FP 1, FN 2.
    const binary = countClasses({ predicted: [1, 1, 1, 0, 0, 1, 0, 0], gold: [1, 1, 1, 0, 0, 0, 1, 1] }, 2);
    expect(matthewsCorrelation(binary)).toBeCloseTo((3 * 2 - 1 * 2) / Math.sqrt(4 * 5 * 3 * 4), 14);
  });

  it('is 1 for all right and 0 for always the same answer', () => {
    expect(matthewsCorrelation(countClasses({ predicted: [0, 1, 2], gold: [0, 1, 2] }, 3))).toBeCloseTo(
      1,
      14,
    );
    expect(matthewsCorrelation(countClasses({ predicted: [0, 0, 0], gold: [0, 1, 2] }, 3))).toBe(0);
  });
});
