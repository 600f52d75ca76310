import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { messageOf, RegmeanError } from '../errors.ts';
import { readUtf8 } from './read-utf8.ts';
import type { FileRecord, ReaderContext } from './row.ts';

interface ParsedRecord {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/** Records of a CSV file with a header line, quoted as in RFC 4180. */
export function readCsv(path: string, context: ReaderContext): AsyncGenerator<FileRecord> {
  return readDelimited(path, { delimiter: ',', quote: '"' }, context);
}

/**
 * Records of a tab-separated file with a header line; quote characters are ordinary text, as in
 * GLUE.
 */
export function readTsv(path: string, context: ReaderContext): AsyncGenerator<FileRecord> {
  return readDelimited(path, { delimiter: '\t', quote: null }, context);
}

async function* readDelimited(
  path: string,
  dialect: { delimiter: string; quote: string | null },
  context: ReaderContext,
): AsyncGenerator<FileRecord> {
  const parser = parse({ ...dialect, info: true, relax_column_count: true });
  const source = Readable.from(readUtf8(path));
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
      hint: 'put fields with quotes, commas or line ends in double quotes and double the quotes inside',
      cause: error,
    });
  } finally {
    source.destroy();
  }
}

function checkHeader(path: string, header: readonly string[], context: ReaderContext): void {
  const repeated = header.find((name, column) => header.indexOf(name) !== column);
  if (repeated !== undefined) {
    throw new RegmeanError('invalid-input', `${path}: column names must differ, got "${repeated}" twice`);
  }
  const error = context.checkColumns(header);
  if (error !== null) throw error;
}
