import { z } from 'zod';
import { RegmeanError } from '../errors.ts';
import { isFloatDtype } from '../safetensors/dtype.ts';
import type { TensorEntry } from '../safetensors/header.ts';
import { openSafetensors, type SafetensorsFile } from '../safetensors/open-safetensors.ts';
import { formatShape } from '../tensor.ts';
import { dimensionOfPacked, unpackSymmetric } from './gram-packing.ts';
import { gramsFormat } from './write-grams.ts';

/** What is known of a Gram before its values are read. */
export interface GramEntry {
  /** Number of input features d. */
  readonly dimension: number;
  /** Rows that were summed. Unknown for means that were made elsewhere. */
  readonly rows: number | undefined;
  readonly storage: 'packed' | 'square';
}

/** An open file of Grams, read one at a time. */
export interface GramFile {
  readonly path: string;
  readonly grams: ReadonlyMap<string, GramEntry>;
  /** Module name of every linear layer -> name of the Gram of its input. */
  readonly layers: ReadonlyMap<string, string>;
  /** Values as stored: [d(d+1)/2] packed or [d, d] square, float64. */
  readStored(name: string): Promise<Float64Array>;
  /**
   * The matrix [d, d] in float64. Square ones are given as they are stored, symmetric up to rounding.
   *
   * @param scale `sum` over rows, or `mean` per row
   * @throws RegmeanError `invalid-input` when the sum of a mean with an unknown row count is asked for
   */
  readSquare(name: string, scale: 'sum' | 'mean'): Promise<Float64Array>;
  close(): Promise<void>;
}

const rowsSchema = z.record(z.string(), z.int().positive());
const layersSchema = z.record(z.string(), z.string());

/**
 * Opens a file of Grams: those of a contribution (packed sums, `__metadata__` with `rows` and `layers`), or square
 * [d, d] tensors named by module that were made elsewhere (means over rows unless `rows` gives their count).
 *
 * @throws RegmeanError `invalid-input` when metadata and tensors do not agree, naming the Gram and the rule
 */
export async function openGrams(path: string): Promise<GramFile> {
  const file = await openSafetensors(path);
  try {
    const isOurs = file.metadata.get('format') === gramsFormat;
    const rows = metadataMap(file, 'rows', rowsSchema, isOurs) ?? new Map<string, number>();
    const layers = metadataMap(file, 'layers', layersSchema, isOurs);
    const grams = new Map<string, GramEntry>();
    for (const [name, entry] of file.tensors) {
      grams.set(name, gramEntry(`${path}: Gram ${name}`, entry, rows.get(name)));
    }
    for (const name of rows.keys()) {
      if (!grams.has(name)) throw invalid(`${path}: rows name Gram ${name}, which is not there`);
    }
    const resolvedLayers = layers ?? new Map([...grams.keys()].map((name) => [name, name]));
    requireSameNames(path, grams, resolvedLayers);
    return { path, grams, layers: resolvedLayers, ...readersOf(file, grams), close: file.close };
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

function readersOf(
  file: SafetensorsFile,
  grams: ReadonlyMap<string, GramEntry>,
): Pick<GramFile, 'readStored' | 'readSquare'> {
  return {
    readStored: (name) => file.readFloat64(name),
    async readSquare(name, scale) {
      const entry = grams.get(name);
      if (entry === undefined) throw new RegmeanError('not-found', `${file.path}: no Gram ${name}`);
      if (entry.rows === undefined && scale === 'sum') {
        throw new RegmeanError('invalid-input', `${file.path}: Gram ${name} is a mean of unknown row count`, {
          hint: 'merge with means, or give the row counts in the file metadata as rows',
        });
      }
      const stored = await file.readFloat64(name);
      const square = entry.storage === 'packed' ? unpackSymmetric(stored, entry.dimension) : stored;
      if (entry.rows !== undefined && scale === 'mean') {
        for (let i = 0; i < square.length; i++) square[i] = (square[i] as number) / entry.rows;
      }
      return square;
    },
  };
}

function metadataMap<T>(
  file: SafetensorsFile,
  key: 'rows' | 'layers',
  schema: z.ZodType<Record<string, T>>,
  required: boolean,
): Map<string, T> | undefined {
  const text = file.metadata.get(key);
  if (text === undefined) {
    if (required) throw invalid(`${file.path}: format ${gramsFormat} needs metadata ${key}`);
    return undefined;
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalid(`${file.path}: metadata ${key} must be JSON`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const values = key === 'rows' ? 'positive row counts' : 'Gram names';
    throw invalid(`${file.path}: metadata ${key} must map names to ${values}`);
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
