import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  type SchemaElement,
} from 'hyparquet';
import { messageOf, RegmeanError } from '../errors.ts';
import { pointerBytes, refuseLfsPointer } from '../files/lfs-pointer.ts';
import { z } from '../zod.ts';
import { textParsers, unreadableIn } from './parquet-text.ts';
import type { FileRecord, ReaderContext } from './row.ts';

/** ZSTD, LZ4 in both framings and Snappy; of the others Node.js has its own, which are faster. */
async function loadDecompressors(): Promise<Compressors> {
  const { compressors } = await import('hyparquet-compressors');
  return {
    ...compressors,
    GZIP: (bytes) => new Uint8Array(gunzipSync(bytes)),
    BROTLI: (bytes) => new Uint8Array(brotliDecompressSync(bytes)),
  };
}

/**
 * Records of a Parquet file (uncompressed, Snappy, GZIP, Brotli, ZSTD or LZ4), one row group in
 * memory at a time. Only columns that may be of use are read, so what another column holds, and
 * how, does no harm. Integers become numbers. Where the file carries Hugging Face's feature
 * description, class indices become class names and the index -1 (Hugging Face's mark for an
 * unlabelled row) becomes null. A row with a text that is not UTF-8, in a column that it is read
 * from, is rejected.
 *
 * @throws RegmeanError `invalid-input` for a file that is not Parquet, or whose needed columns are
 *   stored in a way that is not known
 */
export async function* readParquet(path: string, context: ReaderContext): AsyncGenerator<FileRecord> {
  const file = await asyncBufferFromFile(path);
  refuseLfsPointer(path, new Uint8Array(await file.slice(0, Math.min(pointerBytes, file.byteLength))));
  const metadata = await guard(path, () => parquetMetadataAsync(file));
  const columns = topLevelColumns(metadata);
  const names = columns.map(({ name }) => name);
  const error = context.checkColumns(names);
  if (error !== null) throw error;
  const needed = context.neededColumns(names);
  const others = columns.filter(
    (column) => !needed.includes(column.name) && context.isOfUse(column.name, isText(column)),
  );
  const compressors = await loadDecompressors();
  const classNames = huggingFaceClassNames(metadata);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const part: RowRange = { file, metadata, rowStart, rowEnd, compressors };
    const records = await guard(path, () => readColumns(part, needed));
    for (const { name } of others) {
      // Nothing is missed in a column that cannot be read, since the row does not need it.
      const values = await readColumns(part, [name]).catch(() => []);
      for (const [index, value] of values.entries()) Object.assign(records[index] ?? {}, value);
    }
    for (const [index, record] of records.entries()) {
      const row = rowStart + index + 1;
      const problem = withoutUnreadable(record, needed);
      if (problem !== null) {
        context.reject(row, problem);
        continue;
      }
      const entries = Object.entries(record).map(([column, value]) => [
        column,
        withNames(plain(value), classNames.get(column)),
      ]);
      yield { row, values: Object.fromEntries(entries) };
    }
    rowStart = rowEnd;
  }
}

interface RowRange {
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly rowStart: number;
  readonly rowEnd: number;
  readonly compressors: Compressors;
}

async function readColumns(part: RowRange, columns: readonly string[]): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({ ...part, columns: [...columns], parsers: textParsers });
}

/**
 * Takes texts that cannot be read out of a record where the row does not need them.
 *
 * @returns what is wrong with one that it needs, or null
 */
function withoutUnreadable(record: Record<string, unknown>, needed: readonly string[]): string | null {
  const isComplete = needed.every((name) => record[name] !== null && record[name] !== undefined);
  for (const [column, value] of Object.entries(record)) {
    const unreadable = unreadableIn(value);
    if (unreadable === null) continue;
    if (!isComplete || needed.includes(column)) return `${column}: ${unreadable.problem}`;
    delete record[column];
  }
  return null;
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

function topLevelColumns({ schema }: FileMetaData): SchemaElement[] {
  const columns: SchemaElement[] = [];
  let next = 1;
  const skip = (count: number): void => {
    for (let child = 0; child < count; child++) skip(schema[next++]?.num_children ?? 0);
  };
  for (let column = 0; column < (schema[0]?.num_children ?? 0); column++) {
    const element = schema[next++];
    if (element === undefined) break;
    columns.push(element);
    skip(element.num_children ?? 0);
  }
  return columns;
}

function isText({ type, converted_type, logical_type }: SchemaElement): boolean {
  return type === 'BYTE_ARRAY' && (converted_type === 'UTF8' || logical_type?.type === 'STRING');
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
