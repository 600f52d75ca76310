import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { parse as parseText } from 'csv-parse/sync';
import { messageOf, RegmeanError } from '../errors.ts';
import { readUtf8 } from './read-utf8.ts';
import type { FileRecord, ReaderContext } from './row.ts';

/** How the fields of a file are written. */
interface Dialect {
  readonly delimiter: string;
  readonly quote: string | null;
}

interface ParsedRecord {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/** What may stand between the fields of a CSV file; the first that gives the columns is taken. */
const delimiters = [',', ';', '\t', '|'] as const;

/**
 * Records of a CSV file with a header line, quoted as in RFC 4180. Its fields are separated by
 * commas, or by semicolons (spreadsheets of many countries), tabs or bars, as the header says.
 */
export function readCsv(path: string, context: ReaderContext): AsyncGenerator<FileRecord> {
  const dialectOf = (header: string): Dialect => ({ delimiter: delimiterOf(header, context), quote: '"' });
  return readDelimited(path, dialectOf, context);
}

/**
 * Records of a tab-separated file with a header line; quote characters are ordinary text, as in
 * GLUE.
 */
export function readTsv(path: string, context: ReaderContext): AsyncGenerator<FileRecord> {
  return readDelimited(path, () => ({ delimiter: '\t', quote: null }), context);
}

/** The delimiter that gives the columns that are needed; else the one that occurs most. */
function delimiterOf(header: string, context: ReaderContext): string {
  const fields = delimiters.map((delimiter) => ({ delimiter, names: fieldsOf(header, delimiter) }));
  const serving = fields.find(({ names }) => names.length > 0 && context.checkColumns(names) === null);
  const [most] = fields.toSorted((a, b) => b.names.length - a.names.length);
  return (serving ?? most)?.delimiter ?? ',';
}

/** The fields of a line; none where its quotes do not fit. */
function fieldsOf(line: string, delimiter: string): readonly string[] {
  try {
    const [fields = []] = parseText(line, { delimiter, quote: '"', to: 1 });
    return fields.map((name) => name.trim());
  } catch {
    return [];
  }
}

async function* readDelimited(
  path: string,
  dialectOf: (header: string) => Dialect,
  context: ReaderContext,
): AsyncGenerator<FileRecord> {
  const { first, chunks } = await withFirstLine(readUtf8(path, context.onBytes));
  const parser = parse({ ...dialectOf(first), info: true, relax_column_count: true });
  const source = Readable.from(chunks);
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let header: readonly string[] | null = null;
  let row = 1;
  try {
    for await (const { record, info } of parser as AsyncIterable<ParsedRecord>) {
      const blank = record.length === 1 && record[0] === '';
      if (blank) {
        row = info.lines + 1;
        continue;
      }
      if (header === null) {
        header = record.map((name) => name.trim());
        checkHeader(path, header, context);
      } else if (record.length !== header.length) {
        context.reject(row, `must have ${header.length} fields like the header, got ${record.length}`);
      } else {
        yield { row, values: Object.fromEntries(header.map((name, column) => [name, record[column]])) };
      }
      row = info.lines + 1;
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new RegmeanError('invalid-input', `${path}, row ${row}: ${messageOf(error)}`, {
      hint: 'put fields with quotes, delimiters or line ends in double quotes and double the quotes inside',
      cause: error,
    });
  } finally {
    source.destroy();
  }
}

/** The first line that is not blank, and the text from its beginning. */
async function withFirstLine(
  text: AsyncGenerator<string>,
): Promise<{ first: string; chunks: AsyncGenerator<string> }> {
  let start = '';
  for (;;) {
    const line = /[^\r\n]+(?=[\r\n])/.exec(start)?.[0];
    if (line !== undefined) return { first: line, chunks: continued(start, text) };
    const next = await text.next();
    if (next.done === true) return { first: start.trim(), chunks: continued(start, text) };
    start += next.value;
  }
}

async function* continued(start: string, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  if (start !== '') yield start;
  yield* rest;
}

function checkHeader(path: string, header: readonly string[], context: ReaderContext): void {
  const repeated = header.find((name, column) => header.indexOf(name) !== column);
  if (repeated !== undefined) {
    throw new RegmeanError('invalid-input', `${path}: column names must differ, got "${repeated}" twice`);
  }
  const error = context.checkColumns(header);
  if (error !== null) throw error;
}
