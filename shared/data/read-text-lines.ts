import { readLines } from './read-lines.ts';
import type { FileRecord, ReaderContext } from './row.ts';

/** Records of a plain text file: one text a line under the column `text`, blank lines skipped. */
export async function* readTextLines(path: string, context: ReaderContext): AsyncGenerator<FileRecord> {
  let row = 0;
  for await (const text of readLines(path, context.onBytes)) {
    row++;
    if (text.trim() !== '') yield { row, values: { text } };
  }
}
