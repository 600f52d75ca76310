import { afterAll, describe, expect, it } from 'vitest';
import { createGemm } from '../../../shared/linalg/gemm.ts';
import { frobeniusNorm, type Matrix, scaleRows, transpose, zeros } from '../../../shared/linalg/matrix.ts';
import { symmetricEigen } from '../../../shared/linalg/symmetric-eigen.ts';
import { oneThread } from '../../support/run-context.ts';
import { gramOf, naiveProduct, randomMatrix } from './naive.ts';

const gemm = createGemm(oneThread);
afterAll(() => gemm.dispose());

/** A matrix of entries. */
function matrixOf(size: number, entry: (row: number, column: number) => number): Matrix {
  const matrix = zeros(size, size);
  for (const at of matrix.data.keys()) matrix.data[at] = entry(Math.floor(at / size), at % size);
  return matrix;
}

const diagonalOf = (values: readonly number[]): Matrix =>
  matrixOf(values.length, (row, column) => (row === column ? (values[row] as number) : 0));

/** Q diag(values) Q^T with Q a product of two reflections. */
function withSpectrum(values: readonly number[], seed = 1): Matrix {
  let matrix = diagonalOf(values);
  for (let turn = 0; turn < 2; turn++) {
    const { data } = randomMatrix(values.length, 1, seed + turn);
    const square = data.reduce((sum, value) => sum + value * value, 0);
    const reflection = matrixOf(
      values.length,
      (i, j) => (i === j ? 1 : 0) - (2 * (data[i] as number) * (data[j] as number)) / square,
    );
    matrix = naiveProduct(naiveProduct(reflection, matrix), reflection);
  }
  return matrix;
}

/** Tridiagonal matrix. */
const tridiagonal = (
  size: number,
  diagonal: (at: number) => number,
  beside: (at: number) => number,
): Matrix =>
  matrixOf(size, (i, j) => {
    if (i === j) return diagonal(i);
    return Math.abs(i - j) === 1 ? beside(Math.min(i, j)) : 0;
  });

const range = (size: number, value: (at: number) => number): number[] =>
  Array.from({ length: size }, (_, at) => value(at));

/** How far the decomposition is from being one, in units of the machine's precision. */
async function defects(a: Matrix) {
  const size = a.rows;
  const { values, vectors } = await symmetricEigen(gemm, 'a', a);
  const product = naiveProduct(vectors, transpose(vectors));
  for (let i = 0; i < size; i++) product.data[i * size + i] = (product.data[i * size + i] as number) - 1;
  const image = naiveProduct(vectors, a);
  const scaled = { ...vectors, data: vectors.data.slice() };
  scaleRows(scaled, values);
  for (const at of image.data.keys()) {
    image.data[at] = (image.data[at] as number) - (scaled.data[at] as number);
  }
  const norm = frobeniusNorm(a);
  const epsilon = 2 ** -52;
  return {
    values: [...values],
    orthogonality: frobeniusNorm(product) / (epsilon * Math.sqrt(size)),
    residual: norm === 0 ? 0 : frobeniusNorm(image) / (epsilon * norm),
  };
}

const wilkinson = (size: number): Matrix =>
  tridiagonal(
    size,
    (at) => Math.abs(at - (size - 1) / 2),
    () => 1,
  );

/** Spectra in descending order, as they are known. */
const spectra: readonly (readonly [string, readonly number[]])[] = [
  ['one value', [3]],
  ['two values', [2, -5]],
  ['a size that fits no panel', range(97, (at) => 50 - at)],
  ['values of both signs', range(65, (at) => Math.cos((at * Math.PI) / 64))],
  ['a null space', [...range(20, (at) => 20 - at), ...range(80, () => 0)]],
  ['clusters', range(120, (at) => 3 - Math.floor(at / 40) + (at % 40 === 0 ? 1e-13 : 0))],
  ['equal values', range(70, () => 2)],
  ['values over twelve orders', range(100, (at) => 10 ** (-at / 8))],
  ['very large values', range(40, (at) => (40 - at) * 1e100)],
  ['very small values', range(40, (at) => (40 - at) * 1e-100)],
];

describe('known spectra', () => {
  it.each(spectra)('%s', async (_, known) => {
    const { values, orthogonality, residual } = await defects(withSpectrum(known));
    const largest = Math.max(...known.map(Math.abs));
    for (const [at, value] of values.entries()) {
      expect(Math.abs(value - (known[at] as number))).toBeLessThan(1e-14 * known.length * largest);
    }
    expect(values).toEqual(values.toSorted((left, right) => right - left));
    expect(orthogonality).toBeLessThan(50);
    expect(residual).toBeLessThan(50);
  });

  it('second differences have the values 2 - 2 cos(k pi / (n + 1))', async () => {
    const size = 150;
    const a = tridiagonal(
      size,
      () => 2,
      () => -1,
    );
    const { values, orthogonality } = await defects(a);
    for (const [at, value] of values.entries()) {
      expect(value).toBeCloseTo(2 - 2 * Math.cos(((size - at) * Math.PI) / (size + 1)), 13);
    }
    expect(orthogonality).toBeLessThan(50);
  });

  it('a diagonal is its own spectrum', async () => {
    const { values, vectors } = await symmetricEigen(gemm, 'a', diagonalOf([1, 3, -2]));
    expect([...values]).toEqual([3, 1, -2]);
    expect([...vectors.data.map(Math.abs)]).toEqual([0, 1, 0, 1, 0, 0, 0, 0, 1]);
  });

  it('of nothing but zeros the vectors are the axes', async () => {
    const { values, vectors } = await symmetricEigen(gemm, 'a', zeros(3, 3));
    expect([...values]).toEqual([0, 0, 0]);
    expect([...vectors.data]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });
});

describe('matrices that are hard to take apart', () => {
  const glued = (count: number, size: number, glue: number): Matrix =>
    tridiagonal(
      count * size,
      (at) => Math.abs((at % size) - (size - 1) / 2),
      (at) => ((at + 1) % size === 0 ? glue : 1),
    );
  const block = (i: number, j: number): number => (Math.floor(i / 30) === Math.floor(j / 30) ? 1 : 0);

  it.each([
    ['pairs of values that agree to all digits (Wilkinson)', wilkinson(101)],
    ['the same, glued together by nothing much', glued(6, 21, 1e-9)],
    ['a Gram of more rows than columns', gramOf(randomMatrix(200, 90, 5))],
    ['a Gram of fewer rows than columns', gramOf(randomMatrix(30, 90, 6))],
    ['blocks of ones', matrixOf(90, block)],
    ['all ones', matrixOf(80, () => 1)],
    [
      'a random symmetric matrix',
      matrixOf(130, (i, j) => Math.sin(1 + Math.max(i, j) * 131 + Math.min(i, j))),
    ],
  ])('%s', async (_, a) => {
    const { orthogonality, residual } = await defects(a);
    expect(orthogonality).toBeLessThan(50);
    expect(residual).toBeLessThan(50);
  });
});

it('the first vectors are a slice of rows, largest value first', async () => {
  const { values, vectors } = await symmetricEigen(
    gemm,
    'a',
    matrixOf(2, (i, j) => (i === j ? 2 : 1)),
  );
  expect(values[0]).toBeCloseTo(3, 14);
  expect(Math.abs(vectors.data[0] as number)).toBeCloseTo(Math.SQRT1_2, 14);
  expect(vectors.data[1]).toBeCloseTo(vectors.data[0] as number, 14);
});

it('refuses entries that are not finite, naming the matrix', async () => {
  const a = matrixOf(2, (i, j) => (i + j === 1 ? Number.NaN : 1));
  await expect(symmetricEigen(gemm, 'layer x', a)).rejects.toThrow(
    'layer x: entries must be finite, one is NaN',
  );
});

it('gives the same bytes each time', async () => {
  const a = gramOf(randomMatrix(100, 80, 9));
  const [once, again] = [await symmetricEigen(gemm, 'a', a), await symmetricEigen(gemm, 'a', a)];
  expect(again).toEqual(once);
});
