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
  const rows = Array.from({ length: size }, (_, i) => [
    ...a.data.subarray(i * size, (i + 1) * size),
    ...b.data.subarray(i * b.columns, (i + 1) * b.columns),
  ]);
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.NaN;
  for (let k = 0; k < size; k++) {
    let best = k;
    for (let i = k + 1; i < size; i++) if (Math.abs(at(i, k)) > Math.abs(at(best, k))) best = i;
    [rows[k], rows[best]] = [rows[best] as number[], rows[k] as number[]];
    for (let i = 0; i < size; i++) {
      const factor = at(i, k) / at(k, k);
      if (i !== k) rows[i] = (rows[i] as number[]).map((value, j) => value - factor * at(k, j));
    }
  }
  const data = rows.flatMap((row, i) => row.slice(size).map((value) => value / at(i, i)));
  return { rows: size, columns: b.columns, data: Float64Array.from(data) };
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
