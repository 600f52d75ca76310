import { RegmeanError } from '../errors.ts';
import { jsonProblem, parseJson } from '../files/json-text.ts';
import { denseGram, type FactoredGram } from '../linalg/factored-gram.ts';
import { isFloatDtype } from '../safetensors/dtype.ts';
import type { TensorEntry } from '../safetensors/header.ts';
import { openSafetensors, type SafetensorsFile } from '../safetensors/open-safetensors.ts';
import { formatShape, sameShape } from '../tensor.ts';
import { z } from '../zod.ts';
import { checkSymmetric } from './check-gram-values.ts';
import { dimensionOfPacked, type GramFactors, unpackSymmetric } from './gram-packing.ts';
import { type LayerWeight, layerWeightSchema } from './layer-weights.ts';
import { factoredGramsFormat, factoredTensors, gramsFormat } from './write-grams.ts';

/** What is known of a Gram before its values are read. */
export interface GramEntry {
  /** Number of input features d. */
  readonly dimension: number;
  /** Rows that were summed. Unknown for means that were made elsewhere. */
  readonly rows: number | undefined;
  readonly storage: 'packed' | 'square' | 'factored';
  /** Rows of the factor of a factored one. */
  readonly rank?: number;
}

/** An open file of Grams, read one at a time. */
export interface GramFile {
  readonly path: string;
  readonly grams: ReadonlyMap<string, GramEntry>;
  /** Module name of every linear layer -> name of the Gram of its input. */
  readonly layers: ReadonlyMap<string, string>;
  /** Weights of the layers whose weight is not `<module>.weight` [out, in]. */
  readonly weights: ReadonlyMap<string, LayerWeight>;
  /** Values of a dense one as stored: [d(d+1)/2] packed or [d, d] square, float64. */
  readStored(name: string): Promise<Float64Array>;
  /** A factored one, as stored. */
  readFactored(name: string): Promise<FactoredGram>;
  /**
   * The matrix [d, d] in float64, times factors. Square ones are as they are stored; factored ones
   * are what factor and diagonal stand for.
   *
   * @param into d^2 values that they are put into and returned in
   * @throws RegmeanError `invalid-input` for a square one that is not symmetric up to rounding
   */
  readSquare(name: string, factors: GramFactors, into?: Float64Array): Promise<Float64Array>;
  close(): Promise<void>;
}

const ranksSchema = z.record(z.string(), z.int().nonnegative());
const rowsSchema = z.record(z.string(), z.int().positive());
const layersSchema = z.record(z.string(), z.string());
const weightsSchema = z.record(z.string(), layerWeightSchema);

/**
 * Opens a file of Grams: those of a contribution (packed sums, `__metadata__` with `rows` and
 * `layers`), or square [d, d] tensors named by module that were made elsewhere (means over rows
 * unless `rows` gives their count).
 *
 * @throws RegmeanError `invalid-input` when metadata and tensors do not agree, naming the Gram and
 *   the rule
 */
export async function openGrams(path: string): Promise<GramFile> {
  const file = await openSafetensors(path);
  try {
    const format = file.metadata.get('format');
    const isOurs = format === gramsFormat || format === factoredGramsFormat;
    const rows = metadataMap(file, 'rows', rowsSchema, isOurs) ?? new Map<string, number>();
    const layers = metadataMap(file, 'layers', layersSchema, isOurs);
    const weights = metadataMap(file, 'weights', weightsSchema, false) ?? new Map<string, LayerWeight>();
    const ranks = metadataMap(file, 'ranks', ranksSchema, format === factoredGramsFormat);
    const grams = new Map<string, GramEntry>();
    const parts = new Set<string>();
    for (const [name, rank] of ranks ?? []) {
      grams.set(name, factoredEntry(`${path}: Gram ${name}`, file, name, { rank, rows: rows.get(name) }));
      for (const part of Object.values(factoredTensors(name))) parts.add(part);
    }
    for (const [name, entry] of file.tensors) {
      if (!parts.has(name)) grams.set(name, gramEntry(`${path}: Gram ${name}`, entry, rows.get(name)));
    }
    for (const name of rows.keys()) {
      if (!grams.has(name)) throw invalid(`${path}: rows name Gram ${name}, which is not there`);
    }
    const resolvedLayers = layers ?? new Map([...grams.keys()].map((name) => [name, name]));
    requireSameNames(path, grams, resolvedLayers);
    return { path, grams, layers: resolvedLayers, weights, ...readersOf(file, grams), close: file.close };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function gramEntry(where: string, entry: TensorEntry, rows: number | undefined): GramEntry {
  const { shape, dtype } = entry;
  if (!isFloatDtype(dtype)) throw invalid(`${where}: must be floating point, is ${dtype}`);
  if (shape.length === 2 && shape[0] === shape[1] && shape[0] !== 0) {
    return { dimension: shape[0] as number, rows, storage: 'square' };
  }
  if (shape.length !== 1) {
    throw invalid(`${where}: must be packed [d(d+1)/2] or square [d, d], is ${formatShape(shape)}`);
  }
  if (rows === undefined) throw invalid(`${where}: a packed Gram needs its row count in metadata rows`);
  return { dimension: dimensionOfPacked(where, shape[0] as number), rows, storage: 'packed' };
}

function factoredEntry(
  where: string,
  { tensors }: SafetensorsFile,
  name: string,
  { rank, rows }: { readonly rank: number; readonly rows: number | undefined },
): GramEntry {
  const names = factoredTensors(name);
  const diagonal = tensors.get(names.diagonal);
  const factor = tensors.get(names.factor);
  if (rows === undefined) throw invalid(`${where}: a factored Gram needs its row count in metadata rows`);
  const dimension = diagonal?.shape[0];
  if (diagonal?.shape.length !== 1 || dimension === undefined || dimension === 0) {
    throw invalid(`${where}: a factored Gram needs its diagonal [d] as ${names.diagonal}`);
  }
  const shape = [rank, dimension];
  if (rank === 0 ? factor !== undefined : factor === undefined || !sameShape(factor.shape, shape)) {
    const got = factor === undefined ? 'there is none' : `got ${formatShape(factor.shape)}`;
    throw invalid(
      `${where}: ${names.factor} must ${rank === 0 ? 'be absent' : `be ${formatShape(shape)}`}, ${got}`,
    );
  }
  for (const entry of [diagonal, ...(factor === undefined ? [] : [factor])]) {
    if (!isFloatDtype(entry.dtype)) throw invalid(`${where}: must be floating point, is ${entry.dtype}`);
  }
  return { dimension, rows, storage: 'factored', rank };
}

function readersOf(
  file: SafetensorsFile,
  grams: ReadonlyMap<string, GramEntry>,
): Pick<GramFile, 'readStored' | 'readFactored' | 'readSquare'> {
  const readFactored = async (name: string): Promise<FactoredGram> => {
    const tensors = factoredTensors(name);
    const diagonal = await file.readFloat64(tensors.diagonal);
    const rank = file.tensors.get(tensors.factor)?.shape[0] ?? 0;
    const data = rank === 0 ? new Float64Array(0) : await file.readFloat64(tensors.factor);
    return { factor: { rows: rank, columns: diagonal.length, data }, diagonal };
  };
  return {
    readStored: (name) => file.readFloat64(name),
    readFactored,
    async readSquare(name, factors, into) {
      const entry = grams.get(name);
      if (entry === undefined) throw new RegmeanError('not-found', `${file.path}: no Gram ${name}`);
      if (entry.storage === 'factored') {
        const { data } = denseGram(await readFactored(name));
        return scaleSquare(data, entry.dimension, factors, into);
      }
      const dtype = file.tensors.get(name)?.dtype ?? 'F32';
      const stored = dtype === 'F32' ? (await file.readFloat32(name)).data : await file.readFloat64(name);
      if (entry.storage === 'packed') return unpackSymmetric(stored, entry.dimension, factors, into);
      checkSymmetric(`${file.path}: Gram ${name}`, stored, entry.dimension, dtype, 'invalid-input');
      return scaleSquare(stored, entry.dimension, factors, into);
    },
  };
}

/**
 * What a stored Gram is multiplied with to become the sum over its rows, or the mean per row.
 *
 * @throws RegmeanError `invalid-input` when the sum of a mean with an unknown row count is asked
 *   for
 */
export function gramFactor({ path, grams }: GramFile, name: string, scale: 'sum' | 'mean'): number {
  const rows = grams.get(name)?.rows;
  if (scale === 'mean') return rows === undefined ? 1 : 1 / rows;
  if (rows !== undefined) return 1;
  throw new RegmeanError('invalid-input', `${path}: Gram ${name} is a mean of unknown row count`, {
    hint: 'merge with means, or give the row counts in the file metadata as rows',
  });
}

function scaleSquare(
  stored: Float32Array | Float64Array,
  dimension: number,
  { diagonal, offDiagonal }: GramFactors,
  square: Float64Array = new Float64Array(stored.length),
): Float64Array {
  for (let i = 0; i < stored.length; i++) square[i] = (stored[i] as number) * offDiagonal;
  for (let i = 0; i < stored.length; i += dimension + 1) square[i] = (stored[i] as number) * diagonal;
  return square;
}

const metadataValues = {
  ranks: 'numbers of rows',
  rows: 'positive row counts',
  layers: 'Gram names',
  weights: 'parameters and orientations',
} as const;

function metadataMap<T>(
  file: SafetensorsFile,
  key: keyof typeof metadataValues,
  schema: z.ZodType<Record<string, T>>,
  required: boolean,
): Map<string, T> | undefined {
  const text = file.metadata.get(key);
  if (text === undefined) {
    if (required) throw invalid(`${file.path}: format ${file.metadata.get('format')} needs metadata ${key}`);
    return undefined;
  }
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (cause) {
    throw invalid(`${file.path}: metadata ${key} ${jsonProblem(cause)}`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    throw invalid(`${file.path}: metadata ${key} must map names to ${metadataValues[key]}`);
  }
  return new Map(Object.entries(parsed.data));
}

function requireSameNames(
  path: string,
  grams: ReadonlyMap<string, GramEntry>,
  layers: ReadonlyMap<string, string>,
): void {
  for (const [layer, gram] of layers) {
    if (!grams.has(gram)) throw invalid(`${path}: layer ${layer} names Gram ${gram}, which is not there`);
  }
  const used = new Set(layers.values());
  for (const name of grams.keys()) {
    if (!used.has(name)) throw invalid(`${path}: Gram ${name} belongs to no layer`);
  }
}

function invalid(message: string): RegmeanError {
  return new RegmeanError('invalid-input', message);
}
