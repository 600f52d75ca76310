/**
 * @file Eigenvectors of a symmetric tridiagonal matrix by divide and conquer (J. J. M. Cuppen,
 *   Numer. Math. 36, 1981): the halves are solved for by themselves, and what joins them is a
 *   matrix of rank one,
 *
 *     T = [T1 0; 0 T2] + rho u u^T = Q (D + rho z z^T) Q^T,   z = Q^T u
 *
 *   whose eigenvectors are known in closed form once its eigenvalues are. What z does not reach,
 *   and what is equal in D, is taken out first: clustered spectra cost least. The eigenvectors are
 *   those of the z that has exactly the eigenvalues found, which makes them orthogonal to working
 *   precision (M. Gu and S. C. Eisenstat, SIAM J. Matrix Anal. Appl. 15, 1994).
 */
import { RegmeanError } from '../errors.ts';
import type { Gemm } from './gemm.ts';
import { type Matrix, rowSlice, zeros } from './matrix.ts';
import { secularRoot } from './secular-equation.ts';

const machineEpsilon = 2 ** -52;
/** At most this size is solved for without products. */
const maxLeafSize = 32;
const maxQlSteps = 60;

/** A symmetric tridiagonal matrix. */
export interface Tridiagonal {
  /** [n] */
  readonly diagonal: Float64Array;
  /** [n - 1] */
  readonly offDiagonal: Float64Array;
}

/** Eigenvalues in ascending order, and their eigenvectors as rows. */
export interface AscendingEigen {
  readonly values: Float64Array;
  /** [n, n] */
  readonly rows: Matrix;
}

/** The eigenvalues and eigenvectors of a tridiagonal matrix with entries of at most about one. */
export async function tridiagonalEigen(
  gemm: Gemm,
  { diagonal, offDiagonal }: Tridiagonal,
): Promise<AscendingEigen> {
  const size = diagonal.length;
  if (size <= maxLeafSize) return implicitQl(diagonal.slice(), offDiagonal.slice());
  const middle = size >> 1;
  const joint = offDiagonal[middle - 1] as number;
  const [top, bottom] = [diagonal.slice(0, middle), diagonal.slice(middle)];
  top[middle - 1] = (top[middle - 1] as number) - Math.abs(joint);
  bottom[0] = (bottom[0] as number) - Math.abs(joint);
  const first = await tridiagonalEigen(gemm, {
    diagonal: top,
    offDiagonal: offDiagonal.subarray(0, middle - 1),
  });
  const second = await tridiagonalEigen(gemm, {
    diagonal: bottom,
    offDiagonal: offDiagonal.subarray(middle),
  });
  return join(gemm, first, second, joint);
}

/** The eigenvalues and eigenvectors of both halves, joined by |joint| u u^T. */
async function join(
  gemm: Gemm,
  first: AscendingEigen,
  second: AscendingEigen,
  joint: number,
): Promise<AscendingEigen> {
  const { d, z, rows } = bothHalves(first, second, joint);
  // u has the norm sqrt(2).
  const rho = 2 * Math.abs(joint);
  const { kept, deflated } = deflate(d, z, rho, rows);
  const compact = {
    d: Float64Array.from(kept, (at) => d[at] as number),
    z: Float64Array.from(kept, (at) => (z[at] as number) * Math.sqrt(rho)),
  };
  const { values, vectors } = rankOneEigen(compact);
  const before = zeros(kept.length, rows.columns);
  for (const [place, at] of kept.entries()) before.data.set(rowOf(rows, at), place * rows.columns);
  const after = zeros(kept.length, rows.columns);
  await gemm.accumulate(vectors, before, after);
  const pairs = [
    ...Array.from(values, (value, place) => ({ value, row: rowOf(after, place) })),
    ...deflated.map((at) => ({ value: d[at] as number, row: rowOf(rows, at) })),
  ].sort((left, right) => left.value - right.value);
  const result = { values: new Float64Array(pairs.length), rows: zeros(pairs.length, rows.columns) };
  for (const [place, { value, row }] of pairs.entries()) {
    result.values[place] = value;
    result.rows.data.set(row, place * rows.columns);
  }
  return result;
}

/** D in ascending order, with z of norm one and the rows of Q^T in the same order. */
function bothHalves(
  first: AscendingEigen,
  second: AscendingEigen,
  joint: number,
): { d: Float64Array; z: Float64Array; rows: Matrix } {
  const [n1, n2] = [first.values.length, second.values.length];
  const size = n1 + n2;
  const sign = Math.sign(joint) || 1;
  const d = new Float64Array(size);
  const z = new Float64Array(size);
  const rows = zeros(size, size);
  for (let place = 0, i = 0, j = 0; place < size; place++) {
    const fromFirst = j === n2 || (i < n1 && (first.values[i] as number) <= (second.values[j] as number));
    if (fromFirst) {
      const row = rowOf(first.rows, i);
      d[place] = first.values[i++] as number;
      z[place] = (row[n1 - 1] as number) * Math.SQRT1_2;
      rows.data.set(row, place * size);
    } else {
      const row = rowOf(second.rows, j);
      d[place] = second.values[j++] as number;
      z[place] = sign * (row[0] as number) * Math.SQRT1_2;
      rows.data.set(row, place * size + n1);
    }
  }
  return { d, z, rows };
}

/**
 * Finds entries that are eigenvalues already, to working precision: those that z does not reach,
 * and one of two that are equal, after a rotation that takes its z away. Rotates d, z and rows.
 */
function deflate(
  d: Float64Array,
  z: Float64Array,
  rho: number,
  rows: Matrix,
): { kept: readonly number[]; deflated: readonly number[] } {
  const largest = d.reduce((most, value) => Math.max(most, Math.abs(value)), rho);
  const tolerance = 8 * machineEpsilon * largest;
  const kept: number[] = [];
  const deflated: number[] = [];
  for (let at = 0; at < d.length; at++) {
    if (rho * Math.abs(z[at] as number) <= tolerance) {
      deflated.push(at);
      continue;
    }
    const before = kept.at(-1);
    if (before !== undefined) {
      const norm = Math.hypot(z[before] as number, z[at] as number);
      const [c, s] = [(z[at] as number) / norm, -(z[before] as number) / norm];
      const [lower, upper] = [d[before] as number, d[at] as number];
      if (Math.abs((upper - lower) * c * s) <= tolerance) {
        z[at] = norm;
        z[before] = 0;
        rotate(rowOf(rows, before), rowOf(rows, at), c, s);
        d[before] = lower * c * c + upper * s * s;
        d[at] = lower * s * s + upper * c * c;
        deflated.push(before);
        kept.pop();
      }
    }
    kept.push(at);
  }
  return { kept, deflated };
}

/** Eigenvalues of diag(d) + z z^T, ascending, and eigenvectors as rows [k, k]. */
function rankOneEigen({ d, z }: { readonly d: Float64Array; readonly z: Float64Array }): {
  values: Float64Array;
  vectors: Matrix;
} {
  const size = d.length;
  const w = z.map((value) => value * value);
  const values = new Float64Array(size);
  // Row i: d_j - x_i, then the eigenvector.
  const vectors = zeros(size, size);
  for (let i = 0; i < size; i++) {
    const { origin, offset } = secularRoot(d, w, i);
    const from = d[origin] as number;
    values[i] = from + offset;
    const row = rowOf(vectors, i);
    for (let j = 0; j < size; j++) row[j] = (d[j] as number) - from - offset;
  }
  const consistent = consistentZ(d, z, vectors);
  for (let i = 0; i < size; i++) {
    const row = rowOf(vectors, i);
    let sum = 0;
    for (let j = 0; j < size; j++) {
      const value = (consistent[j] as number) / (row[j] as number);
      row[j] = value;
      sum += value * value;
    }
    const factor = 1 / Math.sqrt(sum);
    for (let j = 0; j < size; j++) row[j] = (row[j] as number) * factor;
  }
  return { values, vectors };
}

/**
 * The z that has exactly these eigenvalues: z_j^2 = prod_i (x_i - d_j) / prod_{i != j} (d_i - d_j).
 *
 * @param differences [k, k] d_j - x_i
 */
function consistentZ(d: Float64Array, z: Float64Array, differences: Matrix): Float64Array {
  const size = d.length;
  const squares = new Float64Array(size).fill(1);
  for (let i = 0; i < size; i++) {
    const row = rowOf(differences, i);
    for (let j = 0; j < size; j++) {
      // One factor over one divisor at a time: their quotients stay near one.
      const divisor = i === j ? -1 : (d[j] as number) - (d[i] as number);
      squares[j] = (squares[j] as number) * ((row[j] as number) / divisor);
    }
  }
  return squares.map((square, j) => Math.sign(z[j] as number) * Math.sqrt(Math.abs(square)));
}

/**
 * The QL algorithm with implicit shifts (A. Dubrulle, R. S. Martin and J. H. Wilkinson, Numer.
 * Math. 12, 1968); overwrites its input.
 */
function implicitQl(d: Float64Array, offDiagonal: Float64Array): AscendingEigen {
  const size = d.length;
  const e = new Float64Array(size);
  e.set(offDiagonal);
  const rows = zeros(size, size);
  for (let i = 0; i < size; i++) rows.data[i * size + i] = 1;
  for (let l = 0; l < size; l++) {
    for (let step = 0; ; step++) {
      let m = l;
      while (m < size - 1 && !negligible(d, e, m)) m++;
      if (m === l) break;
      if (step === maxQlSteps) {
        throw new RegmeanError('numerical', `eigenvalues: must converge, ${l} of ${size} did not`);
      }
      qlStep(d, e, rows, l, m);
    }
  }
  const order = Array.from(d.keys()).sort((left, right) => (d[left] as number) - (d[right] as number));
  const sorted = zeros(size, size);
  for (const [place, at] of order.entries()) sorted.data.set(rowOf(rows, at), place * size);
  return { values: Float64Array.from(order, (at) => d[at] as number), rows: sorted };
}

function negligible(d: Float64Array, e: Float64Array, m: number): boolean {
  const size = Math.abs(d[m] as number) + Math.abs(d[m + 1] as number);
  return (
    Math.abs(e[m] as number) <= machineEpsilon * size || Math.abs(e[m] as number) < Number.MIN_VALUE * 2 ** 60
  );
}

/** One step on rows l to m: rotations from the bottom up. */
function qlStep(d: Float64Array, e: Float64Array, rows: Matrix, l: number, m: number): void {
  const el = e[l] as number;
  const half = ((d[l + 1] as number) - (d[l] as number)) / (2 * el);
  const radius = Math.hypot(half, 1);
  let g = (d[m] as number) - (d[l] as number) + el / (half + (half < 0 ? -radius : radius));
  let [s, c, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = s * (e[i] as number);
    const b = c * (e[i] as number);
    const r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1] = (d[i + 1] as number) - p;
      e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = (d[i + 1] as number) - p;
    const t = ((d[i] as number) - g) * s + 2 * c * b;
    p = s * t;
    d[i + 1] = g + p;
    g = c * t - b;
    rotate(rowOf(rows, i + 1), rowOf(rows, i), c, s);
  }
  d[l] = (d[l] as number) - p;
  e[l] = g;
  e[m] = 0;
}

/** (x, y) <- (c x + s y, c y - s x) */
function rotate(x: Float64Array, y: Float64Array, c: number, s: number): void {
  for (let i = 0; i < x.length; i++) {
    const [a, b] = [x[i] as number, y[i] as number];
    x[i] = c * a + s * b;
    y[i] = c * b - s * a;
  }
}

function rowOf(matrix: Matrix, row: number): Float64Array {
  return rowSlice(matrix, row, row + 1).data;
}
