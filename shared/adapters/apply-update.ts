/** @file The arithmetic of LoRA: W' = W + s B A (Hu et al., 2021). */

/** An update of a weight of `outputs` rows and `inputs` columns. */
export interface LowRankUpdate {
  /** [rank, inputs] */
  readonly a: Float32Array;
  /** [outputs, rank] */
  readonly b: Float32Array;
  readonly rank: number;
  readonly scaling: number;
}

/**
 * Adds the update to a weight, in float64 row by row.
 *
 * @param weight [outputs, inputs]
 * @param magnitude [outputs], with DoRA: the length of every row of the result
 */
export function applyUpdate(
  weight: Float32Array,
  { a, b, rank, scaling }: LowRankUpdate,
  magnitude: Float32Array | null,
): Float32Array {
  const inputs = a.length / rank;
  const result = new Float32Array(weight.length);
  const row = new Float64Array(inputs);
  for (let output = 0; output * inputs < weight.length; output++) {
    const start = output * inputs;
    row.set(weight.subarray(start, start + inputs));
    for (let k = 0; k < rank; k++) {
      const factor = scaling * (b[output * rank + k] as number);
      for (let i = 0; i < inputs; i++) row[i] = (row[i] as number) + factor * (a[k * inputs + i] as number);
    }
    if (magnitude !== null) {
      const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
      const factor = (magnitude[output] as number) / length;
      for (let i = 0; i < inputs; i++) row[i] = (row[i] as number) * factor;
    }
    result.set(row, start);
  }
  return result;
}

/**
 * A matrix [rows, columns] whose blocks on the diagonal are stored below each other.
 *
 * @param stored [rows, columns / blocks]
 */
export function blockDiagonal(
  stored: Float32Array,
  rows: number,
  columns: number,
  blocks: number,
): Float32Array {
  const [height, width] = [rows / blocks, columns / blocks];
  const result = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const block = Math.floor(row / height);
    result.set(stored.subarray(row * width, (row + 1) * width), row * columns + block * width);
  }
  return result;
}

/** A matrix [rows, columns] with its axes exchanged. */
export function transposeMatrix(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = matrix[row * columns + column] as number;
    }
  }
  return result;
}
