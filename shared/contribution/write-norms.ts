/**
 * @file What the normalised inputs x^ of normalisation layers are like: for every feature their sum
 *   and the sum of their squares over rows. It is all that a least squares fit of scale and shift
 *   needs.
 */
import { writeSafetensors } from '../safetensors/write-safetensors.ts';

/** Name of the file in a contribution folder. */
export const normsFile = 'norms.safetensors';

/** `__metadata__.format` of the file. */
export const normsFormat = 'regmean-norms/1';

/** The sums of one layer. */
export interface NormSums {
  /** Name of its scale. */
  readonly scale: string;
  /** Name of its shift; null where it has none. */
  readonly shift: string | null;
  /** Vectors that were summed. */
  readonly rows: number;
  /** [2, features]: sums of x^, then sums of x^ squared. */
  readonly sums: Float64Array;
}

/**
 * Writes `norms.safetensors`, atomically: the sums [2, features] in float64 under the name of the
 * layer's scale; the metadata hold the rows of each, and the shift of each that has one, by the
 * scale.
 */
export async function writeNorms(path: string, norms: readonly NormSums[]): Promise<void> {
  const shifts = norms.flatMap(({ scale, shift }) => (shift === null ? [] : [[scale, shift]]));
  await writeSafetensors(
    path,
    norms.map(({ scale, sums }) => ({ name: scale, shape: [2, sums.length / 2], data: sums })),
    {
      format: normsFormat,
      rows: JSON.stringify(Object.fromEntries(norms.map(({ scale, rows }) => [scale, rows]))),
      shifts: JSON.stringify(Object.fromEntries(shifts)),
    },
  );
}
