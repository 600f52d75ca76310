import { RegmeanError } from '../errors.ts';
import type { Matrix } from '../linalg/matrix.ts';
import { type TensorToWrite, writeSafetensors } from '../safetensors/write-safetensors.ts';
import { packedLength } from './gram-packing.ts';
import { isUsualWeight, type LayerWeight } from './layer-weights.ts';

/** Name of the Gram file in a contribution folder. */
export const gramsFile = 'grams.safetensors';

/** `__metadata__.format` of files whose Grams are all dense. */
export const gramsFormat = 'regmean-grams/1';

/** `__metadata__.format` of files with factored Grams. */
export const factoredGramsFormat = 'regmean-grams/2';

/** Names of the tensors of a factored Gram. */
export function factoredTensors(name: string): { readonly factor: string; readonly diagonal: string } {
  return { factor: `${name}.factor`, diagonal: `${name}.diagonal` };
}

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

/** A dense Gram whose values may be made when their turn has come. */
export interface DenseGramToWrite extends Omit<Gram, 'packed'> {
  readonly packed: Float32Array | (() => Promise<Float32Array> | Float32Array);
}

/** A Gram as a factor of low rank and its diagonal (see shared/linalg/factored-gram.ts). */
export interface FactoredGramToWrite extends Omit<Gram, 'packed'> {
  /** U [k, d]; no row where the diagonal is all. */
  readonly factor: Matrix;
  /** [d] */
  readonly diagonal: Float64Array;
}

export type GramToWrite = DenseGramToWrite | FactoredGramToWrite;

/**
 * Writes `grams.safetensors`, atomically: format `regmean-grams/1` where all Grams are dense, else
 * `regmean-grams/2`, whose metadata `ranks` names the factored ones with their number of rows.
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
  const ranks = grams.flatMap((gram) => ('factor' in gram ? [[gram.name, gram.factor.rows] as const] : []));
  const unusual = [...weights].filter(([module, weight]) => !isUsualWeight(module, weight));
  await writeSafetensors(path, grams.flatMap(tensorsOf), {
    ...(ranks.length === 0
      ? { format: gramsFormat }
      : { format: factoredGramsFormat, ranks: JSON.stringify(Object.fromEntries(ranks)) }),
    rows: JSON.stringify(Object.fromEntries(rows)),
    layers: JSON.stringify(Object.fromEntries(layers)),
    ...(unusual.length === 0 ? {} : { weights: JSON.stringify(Object.fromEntries(unusual)) }),
  });
}

function tensorsOf(gram: GramToWrite): readonly TensorToWrite[] {
  const { name, dimension } = gram;
  if ('packed' in gram) return [{ name, shape: [packedLength(dimension)], data: gram.packed }];
  const { factor, diagonal } = factoredTensors(name);
  return [
    { name: diagonal, shape: [dimension], data: Float32Array.from(gram.diagonal) },
    ...(gram.factor.rows === 0
      ? []
      : [{ name: factor, shape: [gram.factor.rows, dimension], data: Float32Array.from(gram.factor.data) }]),
  ];
}
