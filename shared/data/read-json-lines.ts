import { messageOf, RegmeanError } from '../errors.ts';
import { parseJson } from '../files/json-text.ts';
import { readLines } from './read-lines.ts';
import type { FileRecord, ReaderContext } from './row.ts';
import { show } from './row-problems.ts';

/**
 * Records of a JSON Lines file: one object a line, blank lines skipped.
 *
 * @throws RegmeanError `invalid-input` when the file is one JSON array
 */
export async function* readJsonLines(path: string, context: ReaderContext): AsyncGenerator<FileRecord> {
  let row = 0;
  let first = true;
  for await (const line of readLines(path, context.onBytes)) {
    row++;
    if (line.trim() === '') continue;
    if (first && /^\s*\[/.test(line)) {
      throw new RegmeanError('invalid-input', `${path}: must hold one JSON object a line, got a JSON array`, {
        hint: `jq -c '.[]' ${path} > rows.jsonl`,
      });
    }
    first = false;
    let values: unknown;
    try {
      values = parseJson(line);
    } catch (error) {
      context.reject(row, `not valid JSON: ${messageOf(error)}`);
      continue;
    }
    if (!isRecord(values)) context.reject(row, `must be a JSON object, got ${show(values)}`);
    else yield { row, values };
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
