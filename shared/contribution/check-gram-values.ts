import { type ErrorCode, RegmeanError } from '../errors.ts';
import type { FactoredGram } from '../linalg/factored-gram.ts';
import { columnSquares } from '../linalg/matrix.ts';
import type { Dtype } from '../safetensors/dtype.ts';

/**
 * Slack for rounding in float32 accumulation, relative to sqrt(g_ii g_jj). A Gram of correlated
 * features comes within about 1e-6 of the bound; values that never were a sum of outer products
 * miss it by far more.
 */
const relativeSlack = 1e-3;

/** The same for values rounded to 16 bits: a unit in the last place of bfloat16 is 2^-8. */
const relativeSlackOf16Bits = 1e-2;

/**
 * Checks that values can be X^T X: all finite, a diagonal that is not negative, |g_ij| <= sqrt(g_ii
 * g_jj), and g_ij = g_ji where both are stored.
 *
 * @param where names file and Gram in errors
 * @param values [d(d+1)/2] packed or [d, d] square
 * @throws RegmeanError `refused`, naming the entry and the rule
 */
export function checkGramValues(
  where: string,
  values: Float64Array,
  dimension: number,
  storage: 'packed' | 'square',
): void {
  const roots = new Float64Array(dimension);
  for (let i = 0, position = 0; i < dimension; i++) {
    const diagonal = values[position] as number;
    if (!(diagonal >= 0 && Number.isFinite(diagonal))) {
      throw refused(where, i, i, `must be finite and not negative, is ${diagonal}`);
    }
    roots[i] = Math.sqrt(diagonal);
    position += storage === 'square' ? dimension + 1 : dimension - i;
  }
  for (let row = 0, position = 0; row < dimension; row++) {
    for (let column = storage === 'square' ? 0 : row; column < dimension; column++) {
      const value = values[position++] as number;
      const bound = (roots[row] as number) * (roots[column] as number);
      if (!(Math.abs(value) <= bound * (1 + relativeSlack))) {
        throw refused(where, row, column, `must be at most sqrt(g_ii g_jj) = ${bound}, is ${value}`);
      }
    }
  }
  if (storage === 'square') checkSymmetric(where, values, dimension, 'F32', 'refused');
}

/**
 * Checks that a factor and a diagonal can be of X^T X: all finite, a diagonal that is not negative,
 * and no more in the factor than the diagonal holds.
 *
 * @param where names file and Gram in errors
 * @throws RegmeanError `refused`, naming the feature and the rule
 */
export function checkFactoredGram(where: string, { factor, diagonal }: FactoredGram): void {
  const ofFactor = columnSquares(factor);
  for (const [i, value] of diagonal.entries()) {
    if (!(value >= 0 && Number.isFinite(value))) {
      throw refused(where, i, i, `must be finite and not negative, is ${value}`);
    }
    const own = ofFactor[i] as number;
    if (own <= value * (1 + relativeSlack)) continue;
    throw refused(where, i, i, `must be at least that of the factor, ${own}, is ${value}`);
  }
}

/**
 * Checks that a square Gram is symmetric up to rounding: g_ij = g_ji.
 *
 * @param where names file and Gram in errors
 * @param square [d, d]
 * @param dtype what the values were rounded to
 * @param code of the error
 * @throws RegmeanError naming the entry and its mirror image
 */
export function checkSymmetric(
  where: string,
  square: Float32Array | Float64Array,
  dimension: number,
  dtype: Dtype,
  code: ErrorCode,
): void {
  const slack = dtype === 'F16' || dtype === 'BF16' ? relativeSlackOf16Bits : relativeSlack;
  const roots = new Float64Array(dimension);
  for (let i = 0; i < dimension; i++) roots[i] = Math.sqrt(Math.abs(square[i * (dimension + 1)] as number));
  for (let row = 0; row < dimension; row++) {
    for (let column = row + 1; column < dimension; column++) {
      const value = square[row * dimension + column] as number;
      const mirrored = square[column * dimension + row] as number;
      const bound = (roots[row] as number) * (roots[column] as number);
      if (Math.abs(value - mirrored) <= bound * slack) continue;
      const rule = `must equal entry [${column}, ${row}], ${value} and ${mirrored}`;
      throw new RegmeanError(code, `${where}: entry [${row}, ${column}] ${rule}`, {
        hint: 'a Gram is X^T X of the inputs X of a layer, which is symmetric',
      });
    }
  }
}

function refused(where: string, row: number, column: number, rule: string): RegmeanError {
  return new RegmeanError('refused', `${where}: entry [${row}, ${column}] ${rule}`);
}
