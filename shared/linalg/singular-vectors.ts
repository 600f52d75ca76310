/**
 * @file Singular vectors of a matrix, A = U S V^T, from the eigenvectors of its smaller Gram, A^T A
 *   = V S^2 V^T. That alone loses half the digits of small values; so only those of the largest
 *   two orders are taken, and what is left of A, by itself as large as its own largest value, is
 *   taken apart in the same way. Directions that A does not reach have no singular vectors here:
 *   any would do, and none is part of A.
 */
import { type Gemm, matrixProduct } from './gemm.ts';
import { copyOf, type Matrix, rowSlice, scaleRows, transpose, zeros } from './matrix.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

/** A = left^T diag(values) right, up to what is below the tolerance. */
export interface SingularVectors {
  /** [k] in descending order, up to rounding, and all positive */
  readonly values: Float64Array;
  /** U^T [k, n] */
  readonly left: Matrix;
  /** V^T [k, d] */
  readonly right: Matrix;
}

/** How much is wanted of a decomposition. */
export interface SingularOptions {
  /** Only the largest so many; all when absent. */
  readonly count?: number;
  /** Values up to this are zero, beside those that are rounding noise of float64. */
  readonly tolerance?: number;
}

const machineEpsilon = 2 ** -52;
/** Values below this share of the largest one are found from what the others leave. */
const worthwhileShare = 1e-2;

/**
 * The singular values of a matrix and their vectors, as many as its rank has.
 *
 * @param matrix names it in errors
 * @param a [n, d]
 * @throws RegmeanError `numerical` when an entry is not finite
 */
export async function singularVectors(
  gemm: Gemm,
  matrix: string,
  a: Matrix,
  options: SingularOptions = {},
): Promise<SingularVectors> {
  if (a.rows >= a.columns) return ofTall(gemm, matrix, transpose(a), options);
  const { values, left, right } = await ofTall(gemm, matrix, a, options);
  return { values, left: right, right: left };
}

/** @param wide A^T [d, n] with d <= n */
async function ofTall(
  gemm: Gemm,
  matrix: string,
  wide: Matrix,
  { count = wide.rows, tolerance = 0 }: SingularOptions,
): Promise<SingularVectors> {
  const [d, n] = [wide.rows, wide.columns];
  const found = { values: new Float64Array(d), left: zeros(d, n), right: zeros(d, d) };
  let limit = tolerance;
  let taken = 0;
  // What is left: V^T A^T = S U^T of the directions that are not taken yet.
  let directions: Matrix | undefined;
  let images = wide;
  while (taken < count && images.rows > 0) {
    const gram = zeros(images.rows, images.rows);
    await gemm.accumulate(images, images, gram, { transB: true });
    const { vectors } = await symmetricEigen(gemm, matrix, gram);
    directions = directions === undefined ? vectors : await matrixProduct(gemm, vectors, directions);
    images = await matrixProduct(gemm, vectors, images);
    const norms = rowNorms(images);
    const largest = norms.reduce((most, value) => Math.max(most, value), 0);
    if (taken === 0) limit = Math.max(limit, n * machineEpsilon * largest);
    if (largest <= limit) break;
    const threshold = Math.max(largest * worthwhileShare, limit);
    const below = norms.findIndex((value) => value < threshold || value <= limit);
    const own = below < 0 ? norms.length : Math.max(1, below);
    found.values.set(norms.subarray(0, own), taken);
    found.right.data.set(rowSlice(directions, 0, own).data, taken * d);
    const unit = copyOf(rowSlice(images, 0, own));
    scaleRows(
      unit,
      norms.map((value) => 1 / value),
    );
    found.left.data.set(unit.data, taken * n);
    taken += own;
    directions = copyOf(rowSlice(directions, own, directions.rows));
    images = copyOf(rowSlice(images, own, images.rows));
    await removeRows(gemm, images, rowSlice(found.left, 0, taken));
  }
  const rank = Math.min(taken, count);
  return {
    values: found.values.slice(0, rank),
    left: rowSlice(found.left, 0, rank),
    right: rowSlice(found.right, 0, rank),
  };
}

/**
 * The matrix with orthonormal rows or columns that is nearest to A, U V^T (the solution of the
 * orthogonal Procrustes problem); zero on directions that A does not reach.
 *
 * @param a [n, d]
 */
export async function polarFactor(gemm: Gemm, matrix: string, a: Matrix): Promise<Matrix> {
  const { left, right } = await singularVectors(gemm, matrix, a);
  const factor = zeros(a.rows, a.columns);
  await gemm.accumulate(left, right, factor, { transA: true });
  return factor;
}

/** A <- A - (A Q^T) Q for orthonormal rows Q */
async function removeRows(gemm: Gemm, a: Matrix, q: Matrix): Promise<void> {
  const shares = zeros(a.rows, q.rows);
  await gemm.accumulate(a, q, shares, { transB: true });
  await gemm.accumulate(shares, q, a, { alpha: -1 });
}

function rowNorms({ rows, columns, data }: Matrix): Float64Array {
  const norms = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) sum += (data[i] as number) ** 2;
    norms[row] = Math.sqrt(sum);
  }
  return norms;
}
