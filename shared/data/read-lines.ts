import { readUtf8 } from './read-utf8.ts';

/**
 * The lines of a UTF-8 file in order, without their line ends (LF or CRLF). A last line without a
 * line end counts; an empty one after the last line end does not.
 *
 * Not `node:readline`, which also breaks lines at U+2028 and U+2029: both may stand inside a JSON
 * string.
 *
 * @param onBytes is shown the bytes that the lines are from
 * @throws RegmeanError `invalid-input` at bytes that are not UTF-8
 */
export async function* readLines(
  path: string,
  onBytes?: (bytes: Uint8Array) => void,
): AsyncGenerator<string> {
  let pending: string[] = [];
  for await (const chunk of readUtf8(path, onBytes)) {
    const lines = chunk.split('\n');
    const last = lines.pop() ?? '';
    for (const line of lines) {
      yield withoutReturn(pending.length === 0 ? line : pending.join('') + line);
      pending = [];
    }
    if (last !== '') pending.push(last);
  }
  if (pending.length > 0) yield withoutReturn(pending.join(''));
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
