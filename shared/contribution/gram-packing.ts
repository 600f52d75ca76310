/**
 * @file Packed storage of symmetric matrices: the upper triangle with the diagonal, row after row,
 *   so that a [d, d] Gram takes d(d+1)/2 numbers (LAPACK's packed upper storage of the transpose;
 *   row i starts at its diagonal).
 */

import { RegmeanError } from '../errors.ts';
import { mirrorUpper } from '../linalg/matrix.ts';

/** Numbers that the packed upper triangle of a [d, d] matrix takes: d(d+1)/2. */
export function packedLength(dimension: number): number {
  return (dimension * (dimension + 1)) / 2;
}

/**
 * The dimension d of a packed triangle of `length` numbers.
 *
 * @throws RegmeanError `invalid-input` when `length` is not d(d+1)/2 for any d of at least 1
 */
export function dimensionOfPacked(where: string, length: number): number {
  const dimension = Math.floor((Math.sqrt(8 * length + 1) - 1) / 2);
  if (dimension < 1 || packedLength(dimension) !== length) {
    throw new RegmeanError('invalid-input', `${where}: a packed Gram has d(d+1)/2 values, got ${length}`);
  }
  return dimension;
}

/**
 * Packs the upper triangle of a row-major square matrix.
 *
 * @param square [d, d]; entries below the diagonal are not read
 * @returns [d(d+1)/2], float32
 */
export function packUpper(square: Float32Array | Float64Array, dimension: number): Float32Array {
  const packed = new Float32Array(packedLength(dimension));
  let position = 0;
  for (let row = 0; row < dimension; row++) {
    const start = row * dimension;
    packed.set(square.subarray(start + row, start + dimension), position);
    position += dimension - row;
  }
  return packed;
}

/** What the entries of a Gram are multiplied with as it is read. */
export interface GramFactors {
  readonly diagonal: number;
  readonly offDiagonal: number;
}

/**
 * Unpacks a packed upper triangle into the full symmetric matrix, times factors (1 when left out).
 *
 * @param packed [d(d+1)/2]
 * @param square [d, d], overwritten; made when absent
 * @returns [d, d] row-major, float64
 */
export function unpackSymmetric(
  packed: Float32Array | Float64Array,
  dimension: number,
  { diagonal, offDiagonal }: GramFactors = { diagonal: 1, offDiagonal: 1 },
  square: Float64Array = new Float64Array(dimension * dimension),
): Float64Array {
  let position = 0;
  for (let row = 0; row < dimension; row++) {
    const start = row * dimension;
    square[start + row] = (packed[position++] as number) * diagonal;
    for (let i = start + row + 1; i < start + dimension; i++) {
      square[i] = (packed[position++] as number) * offDiagonal;
    }
  }
  mirrorUpper(square, dimension);
  return square;
}
