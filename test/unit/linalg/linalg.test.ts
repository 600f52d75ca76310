import { afterAll, describe, expect, it } from 'vitest';
import {
  type CholeskyFactor,
  cholesky,
  NotPositiveDefiniteError,
  solveWithFactor,
} from '../../../shared/linalg/cholesky.ts';
import { createGemm } from '../../../shared/linalg/gemm.ts';
import {
  addScaled,
  copyOf,
  frobeniusNorm,
  type Matrix,
  rowSlice,
  scaleRows,
  transpose,
  zeros,
} from '../../../shared/linalg/matrix.ts';
import { solveSymmetric } from '../../../shared/linalg/solve-symmetric.ts';
import { oneThread } from '../../support/run-context.ts';
import '../../support/allclose.ts';
import { gramOf, naiveProduct, naiveSolve, naiveTranspose, randomMatrix, tensorOf } from './naive.ts';

const gemm = createGemm(oneThread);
afterAll(() => gemm.dispose());

const matrixOf = (rows: number, ...data: number[]): Matrix => ({
  rows,
  columns: data.length / rows,
  data: Float64Array.from(data),
});

describe('matrix', () => {
  it('transposes across tiles', () => {
    const a = randomMatrix(70, 45, 1);
    expect(transpose(a)).toEqual(naiveTranspose(a));
  });

  it('slices rows as views, adds, scales rows and takes norms', () => {
    const a = matrixOf(2, 1, 2, 3, 4);
    rowSlice(a, 1, 2).data[0] = 5;
    addScaled(a, 2, matrixOf(2, 1, 0, 0, 1));
    scaleRows(a, Float64Array.of(2, -1));
    expect(a).toEqual(matrixOf(2, 6, 4, -5, -6));
    expect(frobeniusNorm(a)).toBeCloseTo(Math.sqrt(36 + 16 + 25 + 36), 14);
    expect(frobeniusNorm(a, Float64Array.of(0.5, 0))).toBeCloseTo(Math.sqrt(9 + 4), 14);
  });
});

describe('gemm', () => {
  it('agrees with the definition for every combination of transposes and signs', async () => {
    const [a, b, c] = [randomMatrix(5, 7, 1), randomMatrix(7, 3, 2), randomMatrix(5, 3, 3)];
    for (const transA of [false, true]) {
      for (const transB of [false, true]) {
        for (const alpha of [1, -1] as const) {
          const result = copyOf(c);
          await gemm.accumulate(transA ? naiveTranspose(a) : a, transB ? naiveTranspose(b) : b, result, {
            transA,
            transB,
            alpha,
          });
          const expected = copyOf(c);
          addScaled(expected, alpha, naiveProduct(a, b));
          expect(tensorOf(result)).toBeAllclose(tensorOf(expected), { rtol: 1e-15 });
        }
      }
    }
  });

  it('works on row slices without touching their neighbours', async () => {
    const c = zeros(4, 2);
    await gemm.accumulate(matrixOf(2, 1, 0, 0, 1), matrixOf(2, 1, 2, 3, 4), rowSlice(c, 1, 3));
    expect([...c.data]).toEqual([0, 0, 1, 2, 3, 4, 0, 0]);
  });

  it('rejects sizes that do not fit', async () => {
    await expect(gemm.accumulate(zeros(2, 3), zeros(2, 3), zeros(2, 3))).rejects.toThrow(
      'gemm: sizes must fit, got [2, 3] x [2, 3] -> [2, 3]',
    );
  });
});

describe('cholesky', () => {
  const solve = async (factor: CholeskyFactor, b: Matrix): Promise<Matrix> => {
    const x = copyOf(b);
    await solveWithFactor(gemm, factor, x);
    return x;
  };

  it('solves as Gaussian elimination does, in one leaf and across many blocks', async () => {
    for (const size of [1, 2, 37, 96, 97, 260]) {
      const a = gramOf(randomMatrix(size + 20, size, size));
      const b = randomMatrix(size, 5, 9);
      const factor = await cholesky(gemm, 'A', a);
      const expected = naiveSolve(a, b);
      expect(tensorOf(await solve(factor, b))).toBeAllclose(tensorOf(expected), { rtol: 1e-9 });
    }
  });

  it('gives A^-1 A = I', async () => {
    const a = gramOf(randomMatrix(500, 300, 4));
    const identity = zeros(300, 300);
    for (let i = 0; i < 300; i++) identity.data[i * 300 + i] = 1;
    const factor = await cholesky(gemm, 'A', a);
    expect(tensorOf(await solve(factor, a))).toBeAllclose(tensorOf(identity), { rtol: 1e-12 });
  });

  it('names the matrix and the pivot that is not positive', async () => {
    const a = zeros(200, 200);
    for (let i = 0; i < 200; i++) a.data[i * 200 + i] = i === 150 ? -2 : 1;
    const error = await cholesky(gemm, 'layer encoder.3', a).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotPositiveDefiniteError);
    expect(error).toMatchObject({
      code: 'numerical',
      pivot: 150,
      message: 'layer encoder.3: must be positive definite, pivot 150 is -2 (above 0)',
    });
    a.data[150 * 200 + 150] = Number.NaN;
    await expect(cholesky(gemm, 'A', a)).rejects.toThrow('pivot 150 is NaN');
  });

  it('reports the smallest pivot', async () => {
    const { smallestPivot } = await cholesky(gemm, 'A', matrixOf(2, 4, 2, 2, 1.25));
    expect(smallestPivot).toBe(0.25);
  });
});

describe('solveSymmetric', () => {
  const solve = (a: Matrix, b: Matrix) => solveSymmetric(gemm, 'A', copyOf(a), copyOf(b));

  it('solves a regular system and reports its residual', async () => {
    const a = gramOf(randomMatrix(300, 200, 1));
    const b = randomMatrix(200, 10, 2);
    const { x, ...facts } = await solve(a, b);
    expect(tensorOf(x)).toBeAllclose(tensorOf(naiveSolve(a, b)), { rtol: 1e-10 });
    expect(facts).toMatchObject({ deadInputs: 0, jitter: 0 });
    expect(facts.relativeResidual).toBeLessThan(1e-13);
    expect(facts.relativeResidual).toBeGreaterThan(0);
  });

  it('solves features whose scales differ by twelve orders of magnitude', async () => {
    const x = randomMatrix(60, 20, 3);
    for (const [i, value] of x.data.entries()) x.data[i] = value * 10 ** ((i % 20) - 12);
    const expected = randomMatrix(20, 3, 4);
    const a = gramOf(x);
    const { x: solution, jitter } = await solve(a, naiveProduct(a, expected));
    expect(jitter).toBe(0);
    const scales = Float64Array.from({ length: 20 }, (_, i) => 10 ** (i - 12));
    scaleRows(solution, scales);
    scaleRows(expected, scales);
    expect(tensorOf(solution)).toBeAllclose(tensorOf(expected), { rtol: 1e-9 });
  });

  it('keeps the rows of dead inputs at zero', async () => {
    const x = randomMatrix(50, 6, 5);
    for (let row = 0; row < 50; row++) x.data[row * 6 + 2] = 0;
    const expected = randomMatrix(6, 4, 6);
    expected.data.fill(0, 2 * 4, 3 * 4);
    const a = gramOf(x);
    const { x: solution, deadInputs, jitter } = await solve(a, naiveProduct(a, expected));
    expect({ deadInputs, jitter }).toEqual({ deadInputs: 1, jitter: 0 });
    expect(tensorOf(solution)).toBeAllclose(tensorOf(expected), { rtol: 1e-12 });
  });

  it('finds the solution of least norm when there is a null direction, as LayerNorm outputs have', async () => {
    const x = randomMatrix(400, 120, 7);
    for (let row = 0; row < 400; row++) {
      const values = x.data.subarray(row * 120, (row + 1) * 120);
      const mean = values.reduce((sum, value) => sum + value, 0) / 120;
      for (let i = 0; i < 120; i++) values[i] = (values[i] as number) - mean;
    }
    const leastNorm = randomMatrix(120, 8, 8);
    for (let column = 0; column < 8; column++) {
      let sum = 0;
      for (let row = 0; row < 120; row++) sum += leastNorm.data[row * 8 + column] as number;
      for (let row = 0; row < 120; row++) {
        leastNorm.data[row * 8 + column] = (leastNorm.data[row * 8 + column] as number) - sum / 120;
      }
    }
    const a = gramOf(x);
    const { x: solution, jitter, relativeResidual } = await solve(a, naiveProduct(a, leastNorm));
    expect(jitter).toBeGreaterThan(0);
    expect(relativeResidual).toBeLessThan(1e-9);
    expect(tensorOf(solution)).toBeAllclose(tensorOf(leastNorm), { rtol: 1e-7 });
  });

  it('finds the solution of least norm when most directions have no data', async () => {
    const x = randomMatrix(30, 150, 9);
    for (const [i, value] of x.data.entries()) x.data[i] = value * (1 + (i % 150));
    const leastNorm = naiveProduct(naiveTranspose(x), randomMatrix(30, 5, 10));
    const a = gramOf(x);
    const { x: solution, jitter, relativeResidual } = await solve(a, naiveProduct(a, leastNorm));
    expect(jitter).toBeGreaterThan(0);
    expect(relativeResidual).toBeLessThan(1e-9);
    expect(tensorOf(solution)).toBeAllclose(tensorOf(leastNorm), { rtol: 1e-6 });
  });

  it('solves a matrix that is symmetric only up to float32 rounding as it is', async () => {
    const a = gramOf(randomMatrix(25, 20, 11));
    const noise = randomMatrix(20, 20, 12);
    addScaled(a, 1e-6, noise);
    const b = randomMatrix(20, 3, 13);
    const { x } = await solve(a, b);
    expect(tensorOf(x)).toBeAllclose(tensorOf(naiveSolve(a, b)), { rtol: 1e-9 });
  });

  it('stays nearest to a given start where the matrix does not determine the solution', async () => {
    const a = matrixOf(3, 2, 2, 0, 2, 2, 0, 0, 0, 0);
    const b = matrixOf(3, 4, 4, 0);
    const start = matrixOf(3, 5, 1, 7);
    const { x } = await solveSymmetric(gemm, 'A', a, b, async () => start);
    // x1 + x2 must be 2; of those points (3, -1) is nearest to (5, 1), and the dead third entry
    // keeps its 7.
    expect(tensorOf(x)).toBeAllclose({ shape: [3, 1], data: [3, -1, 7] }, { rtol: 1e-9 });
  });

  it('does not ask for a start when the matrix is regular', async () => {
    const start = (): Promise<Matrix> => Promise.reject(new Error('not needed'));
    const { x } = await solveSymmetric(gemm, 'A', matrixOf(2, 1, 0, 0, 4), matrixOf(2, 1, 2), start);
    expect([...x.data]).toEqual([1, 0.5]);
  });

  it('estimates the residual of many columns from few', async () => {
    const a = gramOf(randomMatrix(80, 60, 14));
    const b = randomMatrix(60, 400, 15);
    const { x, relativeResidual } = await solve(a, b);
    const residual = copyOf(b);
    await gemm.accumulate(a, x, residual, { alpha: -1 });
    const exact = frobeniusNorm(residual) / frobeniusNorm(b);
    expect(exact).toBeLessThan(1e-12);
    expect(relativeResidual / exact).toBeGreaterThan(0.2);
    expect(relativeResidual / exact).toBeLessThan(5);
  });

  it('gives zero for a zero right side', async () => {
    const { x, relativeResidual } = await solve(matrixOf(2, 2, 1, 1, 2), zeros(2, 3));
    expect(x).toEqual(zeros(2, 3));
    expect(relativeResidual).toBe(0);
  });

  it('rejects matrices that are far from semidefinite', async () => {
    await expect(solve(matrixOf(2, 1, 3, 3, 1), zeros(2, 1))).rejects.toThrow(
      'A: must be positive semidefinite up to rounding, is not',
    );
    await expect(solve(matrixOf(2, 1, 0, 0, -1), zeros(2, 1))).rejects.toThrow(
      'A: diagonal must be finite and not negative, entry 1 is -1',
    );
  });
});
