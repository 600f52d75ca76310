/** @file What sums of normalisation layers must be like before they touch a merge. */
import { type ErrorCode, RegmeanError } from '../errors.ts';
import { listed } from '../listed.ts';
import type { NormLayer } from '../models/norm-layers.ts';
import type { TensorReader } from '../safetensors/open-safetensors.ts';
import { formatShape, sameShape } from '../tensor.ts';
import type { NormFile } from './open-norms.ts';

/**
 * Slack for rounding of s^2 <= n q: a feature that is the same in all rows comes within the
 * rounding of float32 values of it.
 */
const relativeSlack = 1e-6;

/**
 * Checks that sums are of parameters that a model has, with as many features.
 *
 * @throws RegmeanError of the code, naming the parameter
 */
export function checkNormShapes(
  { path, layers }: NormFile,
  weights: Pick<TensorReader, 'tensors'>,
  code: ErrorCode,
): void {
  for (const [scale, { shift, features }] of layers) {
    for (const parameter of shift === null ? [scale] : [scale, shift]) {
      const shape = weights.tensors.get(parameter)?.shape;
      if (shape !== undefined && sameShape(shape, [features])) continue;
      const problem =
        shape === undefined
          ? 'is no parameter of the model'
          : `must have shape ${formatShape([features])}, has ${formatShape(shape)}`;
      throw new RegmeanError(code, `${path}: ${parameter} ${problem}`);
    }
  }
}

/**
 * Checks that sums are of all normalisation layers of a network, with their own shifts.
 *
 * @throws RegmeanError `refused`, naming the scale
 */
export function checkNormLayers({ path, layers }: NormFile, known: readonly NormLayer[]): void {
  const missing = known.flatMap(({ scale }) => (layers.has(scale) ? [] : [scale]));
  if (missing.length > 0) {
    throw new RegmeanError(
      'refused',
      `${path}: sums of all normalisation layers must be there, none of ${listed(missing)}`,
      { hint: 'collect them with `regmean stats --norms`' },
    );
  }
  const byScale = new Map(known.map((layer) => [layer.scale, layer]));
  for (const [scale, { shift }] of layers) {
    const own = byScale.get(scale);
    if (own === undefined) throw refused(`${path}: ${scale} is the scale of no normalisation layer`);
    if (own.shift !== shift) {
      throw refused(`${path}: shift of ${scale} must be ${own.shift ?? 'none'}, got ${shift ?? 'none'}`);
    }
  }
}

/**
 * Checks that values can be sums s of n numbers and q of their squares: finite, q >= 0, s^2 <= n q.
 *
 * @throws RegmeanError `refused`, naming the scale and the feature
 */
export async function checkNormValues(file: NormFile): Promise<void> {
  for (const [scale, { features, rows }] of file.layers) {
    const sums = await file.readSums(scale);
    for (let j = 0; j < features; j++) {
      const [s, q] = [sums[j] as number, sums[features + j] as number];
      const where = `${file.path}: ${scale}, feature ${j}`;
      if (!Number.isFinite(s) || !(q >= 0 && q < Number.POSITIVE_INFINITY)) {
        throw refused(`${where}: sums must be finite and that of squares not negative, got ${s} and ${q}`);
      }
      if (s * s > rows * q * (1 + relativeSlack)) {
        throw refused(`${where}: the sum of ${rows} values with squares of sum ${q} cannot be ${s}`);
      }
    }
  }
}

function refused(message: string): RegmeanError {
  return new RegmeanError('refused', message);
}
