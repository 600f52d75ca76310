import { type Matrix, zeros } from '../../../shared/linalg/matrix.ts';
import { createRandom, normal } from '../../../shared/random.ts';

/** A B by the definition. */
export function naiveProduct(a: Matrix, b: Matrix): Matrix {
  const product = zeros(a.rows, b.columns);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.columns; j++) {
      let sum = 0;
      for (let k = 0; k < a.columns; k++) sum += entry(a, i, k) * entry(b, k, j);
      product.data[i * b.columns + j] = sum;
    }
  }
  return product;
}

/** A^T by the definition. */
export function naiveTranspose(a: Matrix): Matrix {
  const result = zeros(a.columns, a.rows);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < a.columns; j++) result.data[j * a.rows + i] = entry(a, i, j);
  }
  return result;
}

/** A^-1 B by Gaussian elimination with partial pivoting. */
export function naiveSolve(a: Matrix, b: Matrix): Matrix {
  const size = a.rows;
  const rows: Float64Array[] = Array.from({ length: size }, (_, i) =>
    Float64Array.of(
      ...a.data.subarray(i * size, (i + 1) * size),
      ...b.data.subarray(i * b.columns, (i + 1) * b.columns),
    ),
  );
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.NaN;
  for (let k = 0; k < size; k++) {
    let best = k;
    for (let i = k + 1; i < size; i++) if (Math.abs(at(i, k)) > Math.abs(at(best, k))) best = i;
    [rows[k], rows[best]] = [rows[best] as Float64Array, rows[k] as Float64Array];
    const pivotRow = rows[k] as Float64Array;
    for (const [i, row] of rows.entries()) {
      const factor = at(i, k) / at(k, k);
      if (i === k || factor === 0) continue;
      for (let j = k; j < row.length; j++) row[j] = (row[j] as number) - factor * (pivotRow[j] as number);
    }
  }
  const data = rows.flatMap((row, i) => [...row.subarray(size)].map((value) => value / at(i, i)));
  return { rows: size, columns: b.columns, data: Float64Array.from(data) };
}

/** H X G, of a sum whose terms have an X of their own. */
export interface Sandwich {
  readonly h: Matrix;
  readonly x: Matrix;
  readonly g: Matrix;
}

/**
 * X with sum_i H_i X G_i = sum_i H_i X_i G_i, from (sum_i H_i (x) G_i) vec(X), vec by rows.
 *
 * @param isFrozen columns that the sum says nothing of: these are the mean of X_i
 */
export function naiveKroneckerSolve(
  terms: readonly Sandwich[],
  isFrozen: (column: number) => boolean = () => false,
): Matrix {
  const { rows: n, columns: d } = (terms[0] as Sandwich).x;
  const left = zeros(n * d, n * d);
  const right = zeros(n * d, 1);
  for (const { h, x, g } of terms) {
    const weighted = naiveProduct(naiveProduct(h, x), g);
    for (let row = 0; row < n * d; row++) {
      const own = isFrozen(row % d) ? (x.data[row] as number) / terms.length : (weighted.data[row] as number);
      right.data[row] = (right.data[row] as number) + own;
      for (let column = 0; column < n * d; column++) {
        const outer = entry(h, Math.floor(row / d), Math.floor(column / d));
        const at = row * n * d + column;
        left.data[at] = (left.data[at] as number) + outer * entry(g, column % d, row % d);
      }
    }
  }
  for (let row = 0; row < n * d; row++) if (isFrozen(row % d)) left.data[row * n * d + row] = 1;
  return { rows: n, columns: d, data: naiveSolve(left, right).data };
}

/** M + eps tr(M) / size I */
export function naiveShrunk(matrix: Matrix, eps: number): Matrix {
  const data = matrix.data.slice();
  const size = matrix.rows;
  let trace = 0;
  for (let i = 0; i < size; i++) trace += entry(matrix, i, i);
  for (let i = 0; i < size; i++) data[i * (size + 1)] = entry(matrix, i, i) + (eps * trace) / size;
  return { ...matrix, data };
}

/** A = U diag(values) V^T, values in descending order. */
export interface NaiveSvd {
  readonly values: readonly number[];
  /** Columns of U, one for each value; zeros where the value is zero. */
  readonly left: readonly Float64Array[];
  /** Columns of V. */
  readonly right: readonly Float64Array[];
}

/** The singular value decomposition by one-sided Jacobi rotations of the columns of A V. */
export function naiveSvd(a: Matrix): NaiveSvd {
  if (a.rows < a.columns) {
    const { values, left, right } = naiveSvd(naiveTranspose(a));
    return { values, left: right, right: left };
  }
  const columns = Array.from({ length: a.columns }, (_, j) =>
    Float64Array.from({ length: a.rows }, (__, i) => entry(a, i, j)),
  );
  const right = columns.map((_, j) => Float64Array.from(columns, (__, i) => (i === j ? 1 : 0)));
  const dot = (x: Float64Array, y: Float64Array): number =>
    x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0);
  const turn = (vectors: Float64Array[], p: number, q: number, c: number, s: number): void => {
    const [x, y] = [vectors[p] as Float64Array, vectors[q] as Float64Array];
    vectors[p] = x.map((value, i) => c * value - s * (y[i] as number));
    vectors[q] = y.map((value, i) => s * (x[i] as number) + c * value);
  };
  for (let sweep = 0, turned = true; turned && sweep < 60; sweep++) {
    turned = false;
    for (let p = 0; p < columns.length; p++) {
      for (let q = p + 1; q < columns.length; q++) {
        const [x, y] = [columns[p] as Float64Array, columns[q] as Float64Array];
        const [xx, yy, xy] = [dot(x, x), dot(y, y), dot(x, y)];
        if (Math.abs(xy) <= 1e-15 * Math.sqrt(xx * yy) || xy === 0) continue;
        turned = true;
        const zeta = (yy - xx) / (2 * xy);
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const c = 1 / Math.hypot(1, t);
        turn(columns, p, q, c, c * t);
        turn(right, p, q, c, c * t);
      }
    }
  }
  const found = columns.map((column, j) => ({
    column,
    v: right[j] as Float64Array,
    value: Math.sqrt(dot(column, column)),
  }));
  found.sort((x, y) => y.value - x.value);
  return {
    values: found.map(({ value }) => value),
    left: found.map(({ column, value }) => column.map((one) => (value === 0 ? 0 : one / value))),
    right: found.map(({ v }) => v),
  };
}

/** Standard normal entries. */
export function randomMatrix(rows: number, columns: number, seed: number): Matrix {
  const random = createRandom(seed);
  return { rows, columns, data: Float64Array.from({ length: rows * columns }, () => normal(random)) };
}

/** X^T X */
export function gramOf(x: Matrix): Matrix {
  return naiveProduct(naiveTranspose(x), x);
}

/** A matrix as `toBeAllclose` compares it. */
export function tensorOf({ rows, columns, data }: Matrix): { shape: number[]; data: Float64Array } {
  return { shape: [rows, columns], data };
}

function entry({ columns, data }: Matrix, row: number, column: number): number {
  return data[row * columns + column] as number;
}
