import { describe, expect, it } from 'vitest';
import { isBetter } from '../../../merger/search/candidates.ts';

const trial = (score: number, first = 0.5) => ({ score, coefficients: [first, 1 - first] });

describe('a trial is better than another', () => {
  it('with a higher score', () => {
    expect(isBetter(trial(0.6, 0.1), trial(0.5))).toBe(true);
    expect(isBetter(trial(0.5), trial(0.6, 0.1))).toBe(false);
  });

  it('of equal scores when its coefficients are nearer to equal ones', () => {
    expect(isBetter(trial(0.5, 0.4), trial(0.5, 0.3))).toBe(true);
    expect(isBetter(trial(0.5, 0.3), trial(0.5, 0.4))).toBe(false);
    expect(isBetter(trial(0.5), trial(0.5))).toBe(false);
  });

  it('with any score when the other one’s is not a number', () => {
    expect(isBetter(trial(-0.9, 0.1), trial(Number.NaN))).toBe(true);
    expect(isBetter(trial(Number.NaN), trial(-0.9, 0.1))).toBe(false);
  });
});
