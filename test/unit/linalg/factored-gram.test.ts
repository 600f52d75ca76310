import { afterAll, describe, expect, it } from 'vitest';
import { denseGram, diagonalBeside, factorGram } from '../../../shared/linalg/factored-gram.ts';
import { createGemm } from '../../../shared/linalg/gemm.ts';
import { leadingEigenvectors } from '../../../shared/linalg/leading-eigenvectors.ts';
import { copyOf, frobeniusNorm, type Matrix, zeros } from '../../../shared/linalg/matrix.ts';
import { symmetricEigen } from '../../../shared/linalg/symmetric-eigen.ts';
import { oneThread } from '../../support/run-context.ts';
import { gramOf, randomMatrix } from './naive.ts';

const gemm = createGemm(oneThread);
afterAll(() => gemm.dispose());

/** Rows whose features have scales of three orders, and whose spectrum falls slowly. */
function rowsOf(count: number, size: number, seed: number): Matrix {
  const rows = randomMatrix(count, size, seed);
  const hidden = randomMatrix(count, 12, seed + 1);
  const mix = randomMatrix(12, size, seed + 2);
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < size; i++) {
      let value = rows.data[row * size + i] as number;
      for (let k = 0; k < 12; k++) {
        value += (3 / (1 + k)) * (hidden.data[row * 12 + k] as number) * (mix.data[k * size + i] as number);
      }
      rows.data[row * size + i] = value * 10 ** ((i % 4) - 2);
    }
  }
  return rows;
}

describe('leading eigenvectors', () => {
  it('are those of the whole decomposition, at a part of its products', async () => {
    const gram = gramOf(rowsOf(400, 200, 1));
    const { values, vectors } = await leadingEigenvectors(gemm, 'gram', gram, 8);
    const whole = await symmetricEigen(gemm, 'gram', gram);
    expect(values).toHaveLength(8);
    for (const [index, value] of values.entries()) {
      expect(value / (whole.values[index] as number)).toBeCloseTo(1, 9);
    }
    const products = zeros(8, 8);
    await gemm.accumulate(vectors, vectors, products, { transB: true });
    for (let i = 0; i < 64; i++) expect(products.data[i]).toBeCloseTo(i % 9 === 0 ? 1 : 0, 10);
  });

  it.each([12, 300])('are as many as the rank, of a matrix of size %d', async (size) => {
    const gram = gramOf(randomMatrix(3, size, 4));
    const { values, vectors } = await leadingEigenvectors(gemm, 'gram', gram, 8);
    expect(values).toHaveLength(3);
    expect(vectors).toMatchObject({ rows: 3, columns: size });
  });

  it('are none of a matrix of zeros', async () => {
    expect((await leadingEigenvectors(gemm, 'gram', zeros(200, 200), 4)).values).toHaveLength(0);
  });
});

describe('a factored Gram', () => {
  it('is the best approximation of the correlations by so few rows, with the exact diagonal', async () => {
    const [size, rank] = [200, 16];
    const gram = gramOf(rowsOf(400, size, 7));
    const factored = await factorGram(gemm, 'gram', copyOf(gram), rank);
    expect(factored.factor).toMatchObject({ rows: rank, columns: size });
    const dense = denseGram(factored);
    const correlations = zeros(size, size);
    const left = zeros(size, size);
    for (let i = 0; i < size; i++) {
      const own = gram.data[i * (size + 1)] as number;
      expect(dense.data[i * (size + 1)]).toBe(own);
      expect(diagonalBeside(factored)[i]).toBeGreaterThanOrEqual(0);
      for (let j = 0; j < size; j++) {
        const scale = Math.sqrt(own * (gram.data[j * (size + 1)] as number));
        const at = i * size + j;
        correlations.data[at] = (gram.data[at] as number) / scale;
        let low = 0;
        for (let k = 0; k < rank; k++) {
          low +=
            (factored.factor.data[k * size + i] as number) * (factored.factor.data[k * size + j] as number);
        }
        left.data[at] = (correlations.data[at] as number) - low / scale;
      }
    }
    const { values } = await symmetricEigen(gemm, 'correlations', correlations);
    const best = Math.sqrt(values.slice(rank).reduce((sum, value) => sum + value ** 2, 0));
    expect(frobeniusNorm(left) / best).toBeLessThan(1 + 1e-6);
    // What is left is positive semidefinite: there is no entry that the diagonal does not allow.
    const rest = await symmetricEigen(gemm, 'rest', left);
    expect(rest.values.at(-1)).toBeGreaterThan(-1e-10);
  });

  it('of rank 0 is the diagonal, and of a Gram of lower rank the Gram', async () => {
    const gram = gramOf(randomMatrix(5, 40, 3));
    const diagonal = await factorGram(gemm, 'gram', copyOf(gram), 0);
    expect(diagonal.factor.rows).toBe(0);
    expect(denseGram(diagonal).data[1]).toBe(0);
    const whole = await factorGram(gemm, 'gram', copyOf(gram), 16);
    expect(whole.factor.rows).toBe(5);
    const dense = denseGram(whole);
    for (const [at, value] of gram.data.entries()) expect(dense.data[at]).toBeCloseTo(value, 10);
  });

  it('leaves inputs that never occurred at zero', async () => {
    const x = randomMatrix(50, 200, 5);
    for (let row = 0; row < 50; row++) x.data[row * 200 + 7] = 0;
    const factored = await factorGram(gemm, 'gram', gramOf(x), 16);
    expect(factored.diagonal[7]).toBe(0);
    for (let k = 0; k < 16; k++) expect(factored.factor.data[k * 200 + 7]).toBe(0);
  });
});
