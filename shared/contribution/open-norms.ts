import { RegmeanError } from '../errors.ts';
import { jsonProblem, parseJson } from '../files/json-text.ts';
import { openSafetensors, type SafetensorsFile } from '../safetensors/open-safetensors.ts';
import { formatShape } from '../tensor.ts';
import { z } from '../zod.ts';
import { normsFormat } from './write-norms.ts';

/** What is known of a layer before its sums are read. */
export interface NormEntry {
  readonly shift: string | null;
  readonly features: number;
  readonly rows: number;
}

/** An open `norms.safetensors`. */
export interface NormFile {
  readonly path: string;
  /** By the name of the scale. */
  readonly layers: ReadonlyMap<string, NormEntry>;
  /** [2, features]: sums of x^, then sums of x^ squared. */
  readSums(scale: string): Promise<Float64Array>;
  close(): Promise<void>;
}

const rowsSchema = z.record(z.string(), z.int().nonnegative());
const shiftsSchema = z.record(z.string(), z.string().min(1));

/**
 * Opens the sums of normalisation layers; they are read when they are asked for.
 *
 * @throws RegmeanError `invalid-input` when the format, metadata or a tensor's type or shape is not
 *   as it should be
 */
export async function openNorms(path: string): Promise<NormFile> {
  const file = await openSafetensors(path);
  try {
    const format = file.metadata.get('format');
    if (format !== normsFormat) {
      throw invalid(`${path}: metadata format must be ${normsFormat}, got ${format ?? 'none'}`);
    }
    const rows = metadataMap(file, 'rows', rowsSchema, 'row counts');
    const shifts = metadataMap(file, 'shifts', shiftsSchema, 'parameters');
    const layers = new Map<string, NormEntry>();
    for (const [scale, { shape, dtype }] of file.tensors) {
      const [two, features] = shape;
      if (dtype !== 'F64' || two !== 2 || features === undefined || shape.length !== 2) {
        throw invalid(`${path}: ${scale} must be F64 [2, features], is ${dtype} ${formatShape(shape)}`);
      }
      const count = rows.get(scale);
      if (count === undefined) throw invalid(`${path}: ${scale} needs its row count in metadata rows`);
      layers.set(scale, { shift: shifts.get(scale) ?? null, features, rows: count });
    }
    for (const [key, map] of [
      ['rows', rows],
      ['shifts', shifts],
    ] as const) {
      const stranger = [...map.keys()].find((scale) => !layers.has(scale));
      if (stranger !== undefined) throw invalid(`${path}: ${key} name ${stranger}, which is not there`);
    }
    return { path, layers, readSums: (scale) => file.readFloat64(scale), close: file.close };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function metadataMap<T>(
  { path, metadata }: SafetensorsFile,
  key: string,
  schema: z.ZodType<Record<string, T>>,
  values: string,
): ReadonlyMap<string, T> {
  const text = metadata.get(key);
  if (text === undefined) throw invalid(`${path}: format ${normsFormat} needs metadata ${key}`);
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (cause) {
    throw invalid(`${path}: metadata ${key} ${jsonProblem(cause)}`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw invalid(`${path}: metadata ${key} must map scales to ${values}`);
  return new Map(Object.entries(parsed.data));
}

function invalid(message: string): RegmeanError {
  return new RegmeanError('invalid-input', message);
}
