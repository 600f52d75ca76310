import { afterAll, describe, expect, it } from 'vitest';
import { createGemm } from '../../../shared/linalg/gemm.ts';
import { copyOf, frobeniusNorm, type Matrix, scaleRows, transpose } from '../../../shared/linalg/matrix.ts';
import { polarFactor, singularVectors } from '../../../shared/linalg/singular-vectors.ts';
import { oneThread } from '../../support/run-context.ts';
import '../../support/allclose.ts';
import { naiveProduct, naiveSvd, naiveTranspose, randomMatrix, tensorOf } from './naive.ts';

const gemm = createGemm(oneThread);
afterAll(() => gemm.dispose());

/** A matrix with these singular values, the other ones zero. */
function withValues(rows: number, columns: number, values: readonly number[]): Matrix {
  const orthonormal = (size: number, seed: number): Matrix => {
    const { right } = naiveSvd(randomMatrix(size, size, seed));
    const data = Float64Array.from(right.slice(0, values.length).flatMap((column) => [...column]));
    return { rows: values.length, columns: size, data };
  };
  const [u, v] = [orthonormal(rows, 1), orthonormal(columns, 2)];
  scaleRows(v, Float64Array.from(values));
  return naiveProduct(naiveTranspose(u), v);
}

/** How far rows are from orthonormal. */
function skewness(rows: Matrix): number {
  const product = naiveProduct(rows, transpose(rows));
  for (let i = 0; i < rows.rows; i++)
    product.data[i * rows.rows + i] = (product.data[i * rows.rows + i] as number) - 1;
  return frobeniusNorm(product);
}

async function checked(a: Matrix, known: readonly number[]): Promise<void> {
  const { values, left, right } = await singularVectors(gemm, 'a', a);
  const largest = known[0] as number;
  expect(values.length).toBe(known.length);
  for (const [at, value] of values.entries()) {
    // To eleven digits of the value itself, or to float64's precision of the largest one.
    const margin = Math.max(1e-11 * (known[at] as number), 1e-14 * largest);
    expect(Math.abs(value - (known[at] as number))).toBeLessThan(margin);
  }
  expect(skewness(left)).toBeLessThan(1e-10);
  expect(skewness(right)).toBeLessThan(1e-12);
  const scaled = copyOf(right);
  scaleRows(scaled, values);
  expect(tensorOf(naiveProduct(transpose(left), scaled))).toBeAllclose(tensorOf(a), { rtol: 1e-12 });
}

describe('singular vectors', () => {
  it.each([
    ['of more rows than columns', 40, 25],
    ['of more columns than rows', 25, 40],
    ['of a square', 30, 30],
  ])('%s', async (_, rows, columns) => {
    const a = randomMatrix(rows, columns, 3);
    await checked(a, naiveSvd(a).values);
  });

  it('over ten orders, each with its own digits', async () => {
    const known = Array.from({ length: 21 }, (_, at) => 10 ** (-at / 2));
    await checked(withValues(30, 24, known), known);
  });

  it('are as many as the rank', async () => {
    await checked(withValues(20, 15, [5, 4, 4, 1e-3]), [5, 4, 4, 1e-3]);
    await checked(withValues(15, 20, [2]), [2]);
  });

  it('of nothing are none', async () => {
    const { values, left, right } = await singularVectors(gemm, 'a', {
      rows: 2,
      columns: 3,
      data: new Float64Array(6),
    });
    expect([values.length, left.rows, left.columns, right.rows, right.columns]).toEqual([0, 0, 2, 0, 3]);
  });

  it('can be the first few only, or those above a tolerance', async () => {
    const a = withValues(20, 15, [5, 3, 1, 0.1, 1e-4]);
    expect((await singularVectors(gemm, 'a', a, { count: 2 })).values.length).toBe(2);
    const { values, left, right } = await singularVectors(gemm, 'a', a, { tolerance: 0.01 });
    expect([values.length, left.rows, right.rows]).toEqual([4, 4, 4]);
  });

  it('of entries that are not finite are refused', async () => {
    const a = { rows: 1, columns: 1, data: Float64Array.of(Number.POSITIVE_INFINITY) };
    await expect(singularVectors(gemm, 'layer x', a)).rejects.toThrow('layer x: entries must be finite');
  });
});

it('the polar factor is U V^T, zero where the matrix is', async () => {
  const a = withValues(12, 9, [7, 2, 1e-5]);
  const { left, right } = naiveSvd(a);
  const expected = new Float64Array(12 * 9);
  for (let k = 0; k < 3; k++) {
    for (const at of expected.keys()) {
      const [u, v] = [left[k]?.[Math.floor(at / 9)] ?? 0, right[k]?.[at % 9] ?? 0];
      expected[at] = (expected[at] as number) + u * v;
    }
  }
  const factor = await polarFactor(gemm, 'a', a);
  expect(tensorOf(factor)).toBeAllclose({ shape: [12, 9], data: expected }, { rtol: 1e-9 });
});
