/**
 * @file Metrics against scikit-learn 1.2 and SciPy 1.10, on sequences that both languages can write
 *   down.
 */
import { expect, it } from 'vitest';
import {
  accuracy,
  countClasses,
  countLabels,
  macroF1,
  matthewsCorrelation,
  microF1,
} from '../../../shared/metrics/classification.ts';
import { pearson, spearman } from '../../../shared/metrics/correlation.ts';

const numbers = (count: number, of: (i: number) => number): number[] =>
  Array.from({ length: count }, (_, i) => of(i));
const gold = numbers(30, (i) => (7 * i + 3) % 5);
const predicted = numbers(30, (i) => (i % 3 === 0 ? (7 * i + 3) % 5 : (i * i + 2 * i) % 5));
const goldFlags = numbers(48, (k) => Number(((k >> 2) * (k % 4) + (k >> 2)) % 3 === 0));
const predictedFlags = numbers(48, (k) => Number(((k >> 2) + 2 * (k % 4)) % 4 < 2));

it('f1_score, matthews_corrcoef and accuracy_score of classes', () => {
  const counts = countClasses({ predicted, gold }, 5);
  expect(macroF1(counts)).toBeCloseTo(0.36666666666666664, 14);
  expect(macroF1(counts, [1, 3])).toBeCloseTo(0.375, 14);
  expect(matthewsCorrelation(counts)).toBeCloseTo(0.17460757394239457, 14);
  expect(accuracy(predicted, gold)).toBeCloseTo(0.3333333333333333, 14);
});

it('f1_score of labels: macro, micro and over a subset', () => {
  const counts = countLabels({ predicted: predictedFlags, gold: goldFlags }, 4);
  expect(macroF1(counts)).toBeCloseTo(0.4666666666666667, 14);
  expect(microF1(counts)).toBeCloseTo(0.5, 14);
  expect(macroF1(counts, [0, 2])).toBeCloseTo(0.5333333333333333, 14);
});

it('pearsonr, and spearmanr with ties', () => {
  const x = numbers(20, (i) => ((11 * i) % 7) / 2);
  const y = numbers(20, (i) => ((5 * i) % 9) - i / 10);
  expect(pearson(x, y)).toBeCloseTo(0.24129648766960504, 14);
  expect(spearman(x, y)).toBeCloseTo(0.24365423036997397, 14);
});
