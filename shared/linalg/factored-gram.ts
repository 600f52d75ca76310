/**
 * @file A Gram as a factor of low rank and its own diagonal, G ~ U^T U + diag(s) with s >= 0 and
 *   the diagonal of G kept exactly: k + 1 rows of d numbers instead of d (d + 1) / 2.
 *
 *   U is the truncated eigendecomposition of the correlations R = D^-1 G D^-1, D = diag(G)^1/2,
 *   taken back to the scale of G. It is made as A V Theta^-1/2 of eigenvectors V, as Nystrom's
 *   approximation is, so that what it leaves of G is positive semidefinite also where V is not
 *   exact.
 */
import type { Gemm } from './gemm.ts';
import { leadingEigenvectors } from './leading-eigenvectors.ts';
import { columnSquares, type Matrix, mirrorUpper, scaleRows, zeros } from './matrix.ts';

/** U^T U + diag(s), s being what U leaves of the diagonal. */
export interface FactoredGram {
  /** U [k, d]; no row where only the diagonal is known. */
  readonly factor: Matrix;
  /** Of G itself, [d]. */
  readonly diagonal: Float64Array;
}

/**
 * Factors a Gram.
 *
 * @param matrix names it in errors
 * @param gram [d, d], overwritten
 * @param rank k at most; fewer rows where the Gram's rank is lower
 * @throws RegmeanError `numerical` when an entry is not finite
 */
export async function factorGram(
  gemm: Gemm,
  matrix: string,
  gram: Matrix,
  rank: number,
): Promise<FactoredGram> {
  const size = gram.rows;
  const diagonal = Float64Array.from({ length: size }, (_, i) => gram.data[i * size + i] as number);
  if (rank === 0) return { factor: zeros(0, size), diagonal };
  const roots = diagonal.map((value) => Math.sqrt(Math.max(0, value)));
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const scale = (roots[row] as number) * (roots[column] as number);
      const at = row * size + column;
      gram.data[at] = scale === 0 ? 0 : (gram.data[at] as number) / scale;
    }
  }
  const { values, vectors } = await leadingEigenvectors(gemm, matrix, gram, rank);
  const factor = zeros(values.length, size);
  await gemm.accumulate(vectors, gram, factor);
  scaleRows(
    factor,
    values.map((value) => 1 / Math.sqrt(value)),
  );
  for (let i = 0; i < factor.data.length; i++) {
    factor.data[i] = (factor.data[i] as number) * (roots[i % size] as number);
  }
  return { factor, diagonal };
}

/**
 * The diagonal beside a factor: what alpha U^T U leaves of diag(G). Rounding may leave less than
 * nothing, which is nothing.
 */
export function diagonalBeside({ factor, diagonal }: FactoredGram, alpha = 1): Float64Array {
  return columnSquares(factor).map((square, i) => Math.max(0, (diagonal[i] as number) - alpha * square));
}

/**
 * The matrix that a factor and a diagonal stand for.
 *
 * @returns [d, d]
 */
export function denseGram({ factor, diagonal }: FactoredGram): Matrix {
  const size = diagonal.length;
  const dense = zeros(size, size);
  for (let row = 0; row < factor.rows; row++) {
    const own = factor.data.subarray(row * size, (row + 1) * size);
    for (let i = 0; i < size; i++) {
      const value = own[i] as number;
      if (value === 0) continue;
      for (let j = i + 1; j < size; j++) {
        dense.data[i * size + j] = (dense.data[i * size + j] as number) + value * (own[j] as number);
      }
    }
  }
  for (let i = 0; i < size; i++) dense.data[i * (size + 1)] = diagonal[i] as number;
  mirrorUpper(dense.data, size);
  return dense;
}
