import { readLines } from './read-lines.ts';
import type { FileRecord, ReaderContext } from './row.ts';

/**
 * Sentences of a CoNLL file as records with `tokens` and `tags`: columns separated by white space,
 * the first one the token, the last one the tag; a blank line ends a sentence; `-DOCSTART-` lines
 * are skipped. A file with a single column has no tags. `row` is the line of a sentence's first
 * token.
 */
export async function* readConll(path: string, context: ReaderContext): AsyncGenerator<FileRecord> {
  let line = 0;
  let columns = 0;
  let start = 0;
  let tokens: string[] = [];
  let tags: string[] = [];

  const sentence = (): FileRecord | null => {
    if (tokens.length === 0) return null;
    const record = { row: start, values: columns > 1 ? { tokens, tags } : { tokens } };
    tokens = [];
    tags = [];
    return record;
  };

  for await (const text of readLines(path, context.onBytes)) {
    line++;
    // Spaces and tabs only: a token may be or hold other white space, such as a no-break space.
    const fields = text.replace(/^[ \t]+|[ \t]+$/g, '').split(/[ \t]+/);
    const token = fields[0] ?? '';
    if (token === '' || token.startsWith('-DOCSTART-')) {
      const record = sentence();
      if (record !== null) yield record;
      continue;
    }
    if (columns === 0) columns = fields.length;
    if (fields.length !== columns) {
      context.reject(line, `must have ${columns} columns like the first line, got ${fields.length}`);
      continue;
    }
    if (tokens.length === 0) start = line;
    tokens.push(token);
    tags.push(fields[columns - 1] ?? '');
  }
  const record = sentence();
  if (record !== null) yield record;
}
