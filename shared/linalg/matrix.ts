/** A dense matrix, row-major without gaps. `data` may be a view into a larger array. */
export interface AnyMatrix<Data extends Float32Array | Float64Array = Float32Array | Float64Array> {
  readonly rows: number;
  readonly columns: number;
  /** [rows * columns] */
  readonly data: Data;
}

/** One of float64, as everything is solved in. */
export interface Matrix extends AnyMatrix<Float64Array> {}

/** A matrix of zeros. */
export function zeros(rows: number, columns: number): Matrix {
  return { rows, columns, data: new Float64Array(rows * columns) };
}

/** A copy with data of its own. */
export function copyOf({ rows, columns, data }: Matrix): Matrix {
  return { rows, columns, data: data.slice() };
}

/** Rows `start` to `end` (exclusive) as a view: writing to it writes to `matrix`. */
export function rowSlice<Data extends Float32Array | Float64Array>(
  { columns, data }: AnyMatrix<Data>,
  start: number,
  end: number,
): AnyMatrix<Data> {
  return { rows: end - start, columns, data: data.subarray(start * columns, end * columns) as Data };
}

/**
 * The rows of matrices on top of one another, a copy.
 *
 * @param columns of all of them, also where there is none
 */
export function stackRows(parts: readonly Matrix[], columns: number): Matrix {
  const whole = zeros(
    parts.reduce((sum, { rows }) => sum + rows, 0),
    columns,
  );
  let offset = 0;
  for (const { data } of parts) {
    whole.data.set(data, offset);
    offset += data.length;
  }
  return whole;
}

const tile = 16;

/** The transpose, a copy. */
export function transpose(matrix: Matrix): Matrix {
  return transposeInto(zeros(matrix.columns, matrix.rows), 1, matrix);
}

/**
 * target = factor * transposed source, tile by tile with gapless writes, so that it stays in the
 * cache.
 */
export function transposeInto<Data extends Float32Array | Float64Array>(
  target: AnyMatrix<Data>,
  factor: number,
  { rows, columns, data }: Matrix,
): AnyMatrix<Data> {
  const result = target.data;
  for (let left = 0; left < columns; left += tile) {
    const right = Math.min(columns, left + tile);
    for (let top = 0; top < rows; top += tile) {
      const bottom = Math.min(rows, top + tile);
      for (let column = left; column < right; column++) {
        for (let row = top; row < bottom; row++) {
          result[column * rows + row] = factor * (data[row * columns + column] as number);
        }
      }
    }
  }
  return target;
}

/**
 * Copies the upper triangle of a square matrix to the lower one, tile by tile so that the
 * transposed reads stay in the cache.
 */
export function mirrorUpper(square: Float64Array, dimension: number): void {
  for (let top = 0; top < dimension; top += tile) {
    const bottom = Math.min(dimension, top + tile);
    for (let left = 0; left <= top; left += tile) {
      for (let row = top; row < bottom; row++) {
        const right = Math.min(row, left + tile);
        for (let column = left; column < right; column++) {
          square[row * dimension + column] = square[column * dimension + row] as number;
        }
      }
    }
  }
}

/** Multiplies row i by `factors[i]`, in place. */
export function scaleRows({ rows, columns, data }: Matrix, factors: Float64Array): void {
  for (let row = 0; row < rows; row++) {
    const factor = factors[row] as number;
    for (let i = row * columns; i < (row + 1) * columns; i++) data[i] = (data[i] as number) * factor;
  }
}

/** target += factor * source, entry by entry, in place. */
export function addScaled(target: Matrix, factor: number, source: AnyMatrix): void {
  for (let i = 0; i < target.data.length; i++) {
    target.data[i] = (target.data[i] as number) + factor * (source.data[i] as number);
  }
}

/** Frobenius norm of diag(weights) * matrix; `weights` are ones when left out. */
export function frobeniusNorm({ rows, columns, data }: Matrix, weights?: Float64Array): number {
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    let rowSum = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) rowSum += (data[i] as number) ** 2;
    sum += rowSum * (weights === undefined ? 1 : (weights[row] as number) ** 2);
  }
  return Math.sqrt(sum);
}

/** The sum of squares of every column, [columns]: the diagonal of A^T A. */
export function columnSquares({ columns, data }: Matrix): Float64Array {
  const sums = new Float64Array(columns);
  for (let at = 0; at < data.length; at++) {
    const i = at % columns;
    sums[i] = (sums[i] as number) + (data[at] as number) ** 2;
  }
  return sums;
}

/** The sum of the diagonal of a square matrix. */
export function traceOf({ columns, data }: AnyMatrix): number {
  let trace = 0;
  for (let at = 0; at < data.length; at += columns + 1) trace += data[at] as number;
  return trace;
}

/** square += value * I, in place. */
export function addToDiagonal({ columns, data }: AnyMatrix, value: number): void {
  for (let at = 0; at < data.length; at += columns + 1) data[at] = (data[at] as number) + value;
}
