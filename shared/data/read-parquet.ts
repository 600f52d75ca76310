import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { z } from 'zod';
import { messageOf, RegmeanError } from '../errors.ts';
import type { FileRecord, ReaderContext } from './row.ts';

const decompressors = {
  GZIP: (bytes: Uint8Array) => new Uint8Array(gunzipSync(bytes)),
  BROTLI: (bytes: Uint8Array) => new Uint8Array(brotliDecompressSync(bytes)),
};

/**
 * Records of a Parquet file (uncompressed, Snappy, GZIP or Brotli), one row group in memory at a
 * time. Integers become numbers. Where the file carries Hugging Face's feature description, class
 * indices become class names and the index -1 (Hugging Face's mark for an unlabelled row) becomes
 * null.
 *
 * @throws RegmeanError `invalid-input` for a file that is not Parquet or is compressed in another
 *   way
 */
export async function* readParquet(path: string, context: ReaderContext): AsyncGenerator<FileRecord> {
  const file = await asyncBufferFromFile(path);
  const metadata = await guard(path, () => parquetMetadataAsync(file));
  const columns = metadata.schema.length === 0 ? [] : topLevelColumns(metadata);
  const error = context.checkColumns(columns);
  if (error !== null) throw error;
  const classNames = huggingFaceClassNames(metadata);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const records = await guard(path, () =>
      parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors: decompressors }),
    );
    for (const [index, record] of records.entries()) {
      const entries = Object.entries(record).map(([column, value]) => [
        column,
        withNames(plain(value), classNames.get(column)),
      ]);
      yield { row: rowStart + index + 1, values: Object.fromEntries(entries) };
    }
    rowStart = rowEnd;
  }
}

async function guard<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new RegmeanError('invalid-input', `${path}: cannot be read as Parquet: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function topLevelColumns(metadata: FileMetaData): string[] {
  const names: string[] = [];
  let next = 1;
  const skip = (count: number): void => {
    for (let child = 0; child < count; child++) skip(metadata.schema[next++]?.num_children ?? 0);
  };
  const root = metadata.schema[0];
  for (let column = 0; column < (root?.num_children ?? 0); column++) {
    const element = metadata.schema[next++];
    if (element === undefined) break;
    names.push(element.name);
    skip(element.num_children ?? 0);
  }
  return names;
}

/**
 * 64-bit integers as numbers, typed arrays as arrays; larger than 2^53 stays a bigint and fails the
 * column's check.
 */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  if (Array.isArray(value)) return value.map(plain);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as unknown as Iterable<unknown>, plain);
  }
  return value;
}

function withNames(value: unknown, names: readonly string[] | undefined): unknown {
  if (names === undefined) return value;
  if (Array.isArray(value)) return value.map((item) => withNames(item, names));
  if (value === -1) return null;
  return typeof value === 'number' ? (names[value] ?? value) : value;
}

const classLabel = z.object({ names: z.array(z.string()) });
const huggingFaceMetadata = z.object({
  info: z.object({
    features: z.record(
      z.string(),
      z.union([
        classLabel.transform(({ names }) => names),
        z.object({ feature: classLabel }).transform(({ feature }) => feature.names),
        z.tuple([classLabel]).transform(([{ names }]) => names),
        z.unknown().transform(() => null),
      ]),
    ),
  }),
});

/** Column -> class names, from the `huggingface` metadata that the `datasets` library writes. */
function huggingFaceClassNames(metadata: FileMetaData): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const text = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  if (text === undefined) return found;
  const parsed = huggingFaceMetadata.safeParse(parseJson(text));
  if (!parsed.success) return found;
  for (const [column, names] of Object.entries(parsed.data.info.features)) {
    if (names !== null) found.set(column, names);
  }
  return found;
}

/**
 * The value of a JSON text, or null: metadata of a foreign writer does not make the columns
 * unreadable.
 */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
