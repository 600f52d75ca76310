import { describe, expect, it } from 'vitest';
import { linearSchedule } from '../../../../agent/training/schedule.ts';
import { trainingDefaults } from '../../../../agent/training/training-options.ts';

const rates = (totalSteps: number, warmupRatio: number, peak = 1): number[] =>
  Array.from({ length: totalSteps }, (_, step) => linearSchedule(step, { totalSteps, warmupRatio, peak }));

describe('linearSchedule', () => {
  it('rises over the warm-up to the peak, then falls to 0 at the end, both linearly', () => {
    expect(rates(10, 0.4)).toEqual([1 / 4, 2 / 4, 3 / 4, 1, 6 / 6, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]);
    expect(linearSchedule(10, { totalSteps: 10, warmupRatio: 0.4, peak: 1 })).toBe(0);
  });

  it('reaches the peak after 6 % of the steps, as the paper trains', () => {
    const { warmupRatio, learningRate } = trainingDefaults;
    const all = rates(1000, warmupRatio, learningRate);
    expect(warmupRatio).toBe(0.06);
    expect(all.indexOf(learningRate)).toBe(59);
    expect(Math.max(...all)).toBe(learningRate);
    expect(all.every((rate) => rate > 0)).toBe(true);
  });

  it('begins at the peak without warm-up, and never falls when all steps are warm-up', () => {
    expect(rates(4, 0, 2)).toEqual([2, 1.5, 1, 0.5]);
    expect(rates(4, 1, 2)).toEqual([0.5, 1, 1.5, 2]);
  });

  it('takes the only step of a training at the peak', () => {
    expect(rates(1, 0.06)).toEqual([1]);
  });
});
