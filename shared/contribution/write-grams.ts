import { RegmeanError } from '../errors.ts';
import { writeSafetensors } from '../safetensors/write-safetensors.ts';
import { packedLength } from './gram-packing.ts';
import { isUsualWeight, type LayerWeight } from './layer-weights.ts';

/** Name of the Gram file in a contribution folder. */
export const gramsFile = 'grams.safetensors';

/** `__metadata__.format` of Gram files that this project writes. */
export const gramsFormat = 'regmean-grams/1';

/** X^T X of one activation: the sum over token rows, packed (see gram-packing.ts). */
export interface Gram {
  /** The first module that reads the activation. */
  readonly name: string;
  /** Number of input features d. */
  readonly dimension: number;
  /** Number of rows that were summed. */
  readonly rows: number;
  /** [d(d+1)/2] */
  readonly packed: Float32Array;
}

/** A Gram whose values may be made when their turn has come. */
export interface GramToWrite extends Omit<Gram, 'packed'> {
  readonly packed: Float32Array | (() => Promise<Float32Array> | Float32Array);
}

/**
 * Writes `grams.safetensors` (format `regmean-grams/1`), atomically.
 *
 * @param grams one per distinct activation
 * @param layers module name of every linear layer -> name of the Gram of its input
 * @param weights of layers whose weight is not `<module>.weight` [out, in]
 * @throws RegmeanError `usage` when a layer names a Gram that is not there
 */
export async function writeGrams(
  path: string,
  grams: readonly GramToWrite[],
  layers: ReadonlyMap<string, string>,
  weights: ReadonlyMap<string, LayerWeight> = new Map(),
): Promise<void> {
  const rows = new Map(grams.map((gram) => [gram.name, gram.rows]));
  for (const [layer, gram] of layers) {
    if (!rows.has(gram))
      throw new RegmeanError('usage', `${path}: layer ${layer} names Gram ${gram}, not there`);
  }
  const unusual = [...weights].filter(([module, weight]) => !isUsualWeight(module, weight));
  await writeSafetensors(
    path,
    grams.map(({ name, dimension, packed }) => ({ name, shape: [packedLength(dimension)], data: packed })),
    {
      format: gramsFormat,
      rows: JSON.stringify(Object.fromEntries(rows)),
      layers: JSON.stringify(Object.fromEntries(layers)),
      ...(unusual.length === 0 ? {} : { weights: JSON.stringify(Object.fromEntries(unusual)) }),
    },
  );
}
