/** @file The normal equations of covariances from weights, against their formula. */
import { afterAll, describe, expect, it } from 'vitest';
import {
  type WeightCovarianceSettings,
  weightCovariance,
} from '../../../merger/methods/weight-covariance.ts';
import { weightSums } from '../../../merger/methods/weight-sums.ts';
import { createGemm } from '../../../shared/linalg/gemm.ts';
import { addScaled, frobeniusNorm, type Matrix, zeros } from '../../../shared/linalg/matrix.ts';
import { createRandom } from '../../../shared/random.ts';
import { oneThread } from '../../support/run-context.ts';
import { naiveProduct, naiveSolve, naiveTranspose } from '../linalg/naive.ts';

const gemm = createGemm(oneThread);
afterAll(() => gemm.dispose());

const asTheyAre: WeightCovarianceSettings = {
  ...{ covarianceEps: 0.1, covarianceCentring: 'none', covarianceNormalize: 'none' },
};

/** A change of weights [n, d], whose columns differ in size. */
function change(n: number, d: number, size: number, seed: number): Matrix {
  const random = createRandom(seed);
  const data = Float64Array.from(
    { length: n * d },
    (_, at) => (size * (random() - 0.5)) / (1 + (at % d) / d),
  );
  return { rows: n, columns: d, data };
}

async function solved(changes: readonly Matrix[], settings: WeightCovarianceSettings): Promise<Matrix> {
  const [{ rows, columns }] = changes as readonly [Matrix];
  const sums = weightSums(gemm, [columns, rows], settings);
  for (const [index, own] of changes.entries()) await sums.add(own, index + 1);
  return (await sums.solve('layer', async () => zeros(columns, rows))).x;
}

/** (sum_i c_i C_i)^-1 (sum_i c_i C_i D_i^T) */
async function expected(changes: readonly Matrix[], settings: WeightCovarianceSettings): Promise<Matrix> {
  const [{ rows, columns }] = changes as readonly [Matrix];
  const [left, right] = [zeros(columns, columns), zeros(columns, rows)];
  for (const [index, own] of changes.entries()) {
    const covariance = await weightCovariance(gemm, own, settings);
    addScaled(left, index + 1, covariance);
    addScaled(right, index + 1, naiveProduct(covariance, naiveTranspose(own)));
  }
  return naiveSolve(left, right);
}

/** ||a - b|| / ||b|| */
function distance(a: Matrix, b: Matrix): number {
  const difference = { ...a, data: a.data.slice() };
  addScaled(difference, -1, b);
  return frobeniusNorm(difference) / frobeniusNorm(b);
}

describe('sums of covariances from weights', () => {
  const shapes = [
    ['more outputs than inputs', 230, 205],
    ['far fewer outputs than inputs', 30, 205],
  ] as const;

  it.each(shapes)('of several panels solve the system, %s', async (_, n, d) => {
    const changes = [change(n, d, 1e-3, 1), change(n, d, 2e-3, 2), change(n, d, 0, 3)];
    const settings = { ...asTheyAre, covarianceCentring: 'rows', covarianceNormalize: 'trace' } as const;
    expect(distance(await solved(changes, asTheyAre), await expected(changes, asTheyAre))).toBeLessThan(1e-5);
    expect(distance(await solved(changes, settings), await expected(changes, settings))).toBeLessThan(1e-5);
  });

  it.each(shapes)('are in float64 where little is added to the diagonal, %s', async (_, n, d) => {
    const settings = { ...asTheyAre, covarianceEps: 0.005 };
    const changes = [change(n, d, 1e-3, 1), change(n, d, 2e-3, 2)];
    expect(distance(await solved(changes, settings), await expected(changes, settings))).toBeLessThan(1e-12);
  });

  it('take changes of any size', async () => {
    const [small, large] = [1e-25, 1e25].map((size) => [change(30, 20, size, 1), change(30, 20, size, 2)]);
    const [a, b] = [await solved(small ?? [], asTheyAre), await solved(large ?? [], asTheyAre)];
    expect(distance({ ...a, data: a.data.map((value) => value * 1e50) }, b)).toBeLessThan(1e-5);
  });
});
