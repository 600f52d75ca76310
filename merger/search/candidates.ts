/** @file Coefficients to try. */
import { createRandom, type Random } from '../../shared/random.ts';

/** How many are tried for two contributions, and for more. */
export const defaultTrials = { two: 9, more: 20 } as const;

/**
 * For two contributions an even grid, k / (trials + 1) for the first; for more the equal ones, and
 * then draws from a Dirichlet distribution with all parameters 1: uniform over all coefficients
 * that sum to 1.
 *
 * @returns [trials][count], each summing to 1
 */
export function candidateCoefficients({
  count,
  trials,
  seed,
}: {
  readonly count: number;
  readonly trials: number;
  readonly seed: number;
}): number[][] {
  if (count === 1) return [[1]];
  if (count === 2) {
    return Array.from({ length: trials }, (_, index) => {
      const first = (index + 1) / (trials + 1);
      return [first, 1 - first];
    });
  }
  const random = createRandom(seed);
  const equal = new Array<number>(count).fill(1 / count);
  return [equal, ...Array.from({ length: trials - 1 }, () => dirichlet(count, random))];
}

/** Exponential draws, divided by their sum. */
function dirichlet(count: number, random: Random): number[] {
  const draws = Array.from({ length: count }, () => -Math.log(1 - random()));
  const sum = draws.reduce((total, draw) => total + draw, 0);
  return draws.map((draw) => Math.max(draw / sum, Number.EPSILON));
}

/** Coefficients that were tried, and what came of them. */
export interface ScoredTrial {
  readonly coefficients: readonly number[];
  /** Larger is better; not a number is worse than every number. */
  readonly score: number;
}

/** Whether a trial is better than another: of equally good ones the nearest to equal is. */
export function isBetter(trial: ScoredTrial, other: ScoredTrial): boolean {
  const [own, others] = [trial, other].map(({ score }) =>
    Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score,
  );
  if (own !== others) return (own as number) > (others as number);
  return distanceFromEqual(trial.coefficients) < distanceFromEqual(other.coefficients);
}

/** Squared distance from equal coefficients. */
function distanceFromEqual(coefficients: readonly number[]): number {
  return coefficients.reduce((sum, value) => sum + (value - 1 / coefficients.length) ** 2, 0);
}
