/**
 * @file Eigenvalues and eigenvectors of a symmetric matrix: A = Q T Q^T with T tridiagonal by
 *   Householder reflections, T = R^T L R by divide and conquer (`tridiagonal-eigen.ts`), and the
 *   eigenvectors of A are the rows of R Q^T. Reflections are made in panels (J. Dongarra, D.
 *   Sorensen and S. Hammarling, J. Comput. Appl. Math. 27, 1989), so that all but one product of
 *   the matrix with a vector for each column is large matrix products.
 */
import { RegmeanError } from '../errors.ts';
import type { Gemm } from './gemm.ts';
import { type Matrix, rowSlice, zeros } from './matrix.ts';
import { tridiagonalEigen } from './tridiagonal-eigen.ts';

/** A = V^T diag(values) V. */
export interface SymmetricEigen {
  /** [d] in descending order */
  readonly values: Float64Array;
  /** V [d, d]: row i belongs to value i, so that the first k are a row slice. */
  readonly vectors: Matrix;
}

/** Columns whose reflections are put on the rest of the matrix together. */
const panelColumns = 32;

/**
 * All eigenvalues and eigenvectors of a symmetric matrix, also a singular one or one with equal
 * eigenvalues: values and orthogonality are good to a small multiple of the machine's precision,
 * relative to the largest eigenvalue.
 *
 * @param matrix names it in errors
 * @param a [d, d], symmetric up to rounding: the lower triangle is read
 * @throws RegmeanError `numerical` when an entry is not finite
 */
export async function symmetricEigen(gemm: Gemm, matrix: string, a: Matrix): Promise<SymmetricEigen> {
  const size = a.rows;
  let largest = 0;
  for (const value of a.data) {
    if (!Number.isFinite(value)) {
      throw new RegmeanError('numerical', `${matrix}: entries must be finite, one is ${value}`);
    }
    largest = Math.max(largest, Math.abs(value));
  }
  const values = new Float64Array(size);
  const vectors = zeros(size, size);
  if (largest === 0) {
    for (let i = 0; i < size; i++) vectors.data[i * size + i] = 1;
    return { values, vectors };
  }
  const { panels, ...tridiagonal } = await tridiagonalize(gemm, symmetricCopy(a, 1 / largest));
  const eigen = await tridiagonalEigen(gemm, tridiagonal);
  for (const panel of panels.reverse()) await applyReflections(gemm, eigen.rows, panel);
  for (let i = 0; i < size; i++) {
    values[i] = largest * (eigen.values[size - 1 - i] as number);
    vectors.data.set(rowSlice(eigen.rows, size - 1 - i, size - i).data, i * size);
  }
  return { values, vectors };
}

/** The reflections I - tau v v^T of some columns, as one: I - V^T F V. */
interface Panel {
  /** V [b, d], a reflection a row */
  readonly vectors: Matrix;
  /** F [b, b], upper triangular */
  readonly factor: Matrix;
}

interface Tridiagonalization {
  readonly diagonal: Float64Array;
  readonly offDiagonal: Float64Array;
  readonly panels: Panel[];
}

/** @param whole [d, d] full and symmetric, overwritten */
async function tridiagonalize(gemm: Gemm, whole: Matrix): Promise<Tridiagonalization> {
  const size = whole.rows;
  const diagonal = new Float64Array(size);
  const offDiagonal = new Float64Array(Math.max(0, size - 1));
  const panels: Panel[] = [];
  let rest = whole;
  for (let start = 0; start < size - 1; start += panelColumns) {
    const count = Math.min(panelColumns, size - 1 - start);
    const own = reducePanel(rest, count);
    diagonal.set(own.diagonal, start);
    offDiagonal.set(own.offDiagonal, start);
    panels.push({ vectors: widened(own.v, start, size), factor: blockFactor(own.v, own.taus) });
    rest = await reducedRest(gemm, rest, own);
  }
  if (size > 0) diagonal[size - 1] = rest.data[0] as number;
  return { diagonal, offDiagonal, panels };
}

/** The first columns of a matrix, made tridiagonal; what that does to the others is v and w. */
interface ReducedPanel {
  readonly diagonal: Float64Array;
  readonly offDiagonal: Float64Array;
  readonly taus: Float64Array;
  /** [b, m] */
  readonly v: Matrix;
  /** [b, m]: the matrix becomes A - V^T W - W^T V. */
  readonly w: Matrix;
}

function reducePanel(a: Matrix, count: number): ReducedPanel {
  const size = a.rows;
  const [diagonal, offDiagonal, taus] = [
    new Float64Array(count),
    new Float64Array(count),
    new Float64Array(count),
  ];
  const [v, w] = [zeros(count, size), zeros(count, size)];
  for (let j = 0; j < count; j++) {
    const column = a.data.slice(j * size, (j + 1) * size);
    for (let p = 0; p < j; p++) {
      subtractScaled(column, w.data[p * size + j] as number, rowOf(v, p), j);
      subtractScaled(column, v.data[p * size + j] as number, rowOf(w, p), j);
    }
    diagonal[j] = column[j] as number;
    const reflection = rowOf(v, j);
    const { tau, image } = reflect(column, j + 1, reflection);
    taus[j] = tau;
    offDiagonal[j] = image;
    const product = rowOf(w, j);
    multiply(a, reflection, j + 1, product);
    for (let p = 0; p < j; p++) {
      const [vp, wp] = [rowOf(v, p), rowOf(w, p)];
      const [vDot, wDot] = [dot(vp, 0, reflection, j + 1, size), dot(wp, 0, reflection, j + 1, size)];
      subtractScaled(product, wDot, vp, j + 1);
      subtractScaled(product, vDot, wp, j + 1);
    }
    for (let row = j + 1; row < size; row++) product[row] = tau * (product[row] as number);
    const half = (tau / 2) * dot(product, 0, reflection, j + 1, size);
    subtractScaled(product, half, reflection, j + 1);
  }
  return { diagonal, offDiagonal, taus, v, w };
}

/**
 * The reflection that maps entries from `start` to a multiple of the first of them.
 *
 * @param v takes the reflection's vector, whose first entry is 1
 */
function reflect(x: Float64Array, start: number, v: Float64Array): { tau: number; image: number } {
  const first = x[start] as number;
  let sum = 0;
  for (let i = start + 1; i < x.length; i++) sum += (x[i] as number) ** 2;
  v[start] = 1;
  if (sum === 0) return { tau: 0, image: first };
  const norm = Math.sqrt(first * first + sum);
  const image = first > 0 ? -norm : norm;
  const divisor = first - image;
  for (let i = start + 1; i < x.length; i++) v[i] = (x[i] as number) / divisor;
  return { tau: -divisor / image, image };
}

/** What is left to reduce: A - V^T W - W^T V without the panel's own rows and columns. */
async function reducedRest(gemm: Gemm, a: Matrix, { v, w }: ReducedPanel): Promise<Matrix> {
  const count = v.rows;
  const size = a.rows - count;
  const rest = zeros(size, size);
  for (let row = 0; row < size; row++) {
    const start = (row + count) * a.columns + count;
    rest.data.set(a.data.subarray(start, start + size), row * size);
  }
  const left = zeros(2 * count, size);
  const right = zeros(2 * count, size);
  for (let p = 0; p < count; p++) {
    const [vp, wp] = [rowOf(v, p).subarray(count), rowOf(w, p).subarray(count)];
    left.data.set(vp, p * size);
    left.data.set(wp, (count + p) * size);
    right.data.set(wp, p * size);
    right.data.set(vp, (count + p) * size);
  }
  await gemm.accumulate(left, right, rest, { alpha: -1, transA: true });
  return rest;
}

/**
 * F of H_0 H_1 ... = I - V^T F V (R. Schreiber and C. Van Loan, SIAM J. Sci. Stat. Comput. 10,
 * 1989).
 */
function blockFactor(v: Matrix, taus: Float64Array): Matrix {
  const count = v.rows;
  const factor = zeros(count, count);
  for (let j = 0; j < count; j++) {
    const tau = taus[j] as number;
    const products = new Float64Array(j);
    for (let p = 0; p < j; p++) products[p] = dot(rowOf(v, p), 0, rowOf(v, j), j + 1, v.columns);
    for (let i = 0; i < j; i++) {
      let sum = 0;
      for (let p = i; p < j; p++) sum += (factor.data[i * count + p] as number) * (products[p] as number);
      factor.data[i * count + j] = -tau * sum;
    }
    factor.data[j * count + j] = tau;
  }
  return factor;
}

/** R <- R (I - V^T F V)^T */
async function applyReflections(gemm: Gemm, rows: Matrix, { vectors, factor }: Panel): Promise<void> {
  const products = zeros(rows.rows, vectors.rows);
  await gemm.accumulate(rows, vectors, products, { transB: true });
  const weighted = zeros(rows.rows, vectors.rows);
  await gemm.accumulate(products, factor, weighted, { transB: true });
  await gemm.accumulate(weighted, vectors, rows, { alpha: -1 });
}

/** The lower triangle times a factor, and the same above. */
function symmetricCopy(a: Matrix, factor: number): Matrix {
  const size = a.rows;
  const copy = zeros(size, size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      const value = factor * (a.data[row * size + column] as number);
      copy.data[row * size + column] = value;
      copy.data[column * size + row] = value;
    }
  }
  return copy;
}

function widened(v: Matrix, start: number, columns: number): Matrix {
  const wide = zeros(v.rows, columns);
  for (let p = 0; p < v.rows; p++) wide.data.set(rowOf(v, p), p * columns + start);
  return wide;
}

function rowOf(matrix: Matrix, row: number): Float64Array {
  return rowSlice(matrix, row, row + 1).data;
}

/**
 * target = A x over the rows and columns from `start` on; rows by fours, which share the reads of
 * x.
 */
function multiply({ data, rows: size }: Matrix, x: Float64Array, start: number, target: Float64Array): void {
  let row = start;
  for (; row + 3 < size; row += 4) {
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    const [r0, r1, r2, r3] = [row * size, (row + 1) * size, (row + 2) * size, (row + 3) * size];
    for (let i = start; i < size; i++) {
      const value = x[i] as number;
      s0 += (data[r0 + i] as number) * value;
      s1 += (data[r1 + i] as number) * value;
      s2 += (data[r2 + i] as number) * value;
      s3 += (data[r3 + i] as number) * value;
    }
    target[row] = s0;
    target[row + 1] = s1;
    target[row + 2] = s2;
    target[row + 3] = s3;
  }
  for (; row < size; row++) target[row] = dot(data, row * size, x, start, size);
}

/** target -= factor * source, from an entry on. */
function subtractScaled(target: Float64Array, factor: number, source: Float64Array, start: number): void {
  if (factor === 0) return;
  for (let i = start; i < target.length; i++) {
    target[i] = (target[i] as number) - factor * (source[i] as number);
  }
}

/**
 * The product of a row that begins at `offset`, and a vector, over entries `start` to `end`; four
 * sums, which do not wait for one another.
 */
function dot(row: Float64Array, offset: number, vector: Float64Array, start: number, end: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = start;
  for (; i + 3 < end; i += 4) {
    s0 += (row[offset + i] as number) * (vector[i] as number);
    s1 += (row[offset + i + 1] as number) * (vector[i + 1] as number);
    s2 += (row[offset + i + 2] as number) * (vector[i + 2] as number);
    s3 += (row[offset + i + 3] as number) * (vector[i + 3] as number);
  }
  for (; i < end; i++) s0 += (row[offset + i] as number) * (vector[i] as number);
  return s0 + s1 + (s2 + s3);
}
