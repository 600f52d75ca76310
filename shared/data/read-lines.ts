import { createReadStream } from 'node:fs';
import { RegmeanError } from '../errors.ts';

const chunkBytes = 1 << 20;

/**
 * The lines of a UTF-8 file in order, without their line ends (LF or CRLF) and without a byte order mark.
 * A last line without a line end counts; an empty one after the last line end does not.
 *
 * Not `node:readline`, which also breaks lines at U+2028 and U+2029: both may stand inside a JSON string.
 *
 * @throws RegmeanError `invalid-input` at bytes that are not UTF-8
 */
export async function* readLines(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let pending: string[] = [];
  let line = 0;
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch (cause) {
      throw new RegmeanError('invalid-input', `${path}: must be UTF-8, got other bytes after line ${line}`, {
        hint: 'save the file as UTF-8',
        cause,
      });
    }
  };
  for await (const bytes of createReadStream(path, { highWaterMark: chunkBytes })) {
    const lines = decode(bytes).split('\n');
    const last = lines.pop() ?? '';
    for (const text of lines) {
      line++;
      const whole = pending.length === 0 ? text : pending.join('') + text;
      pending = [];
      yield whole.endsWith('\r') ? whole.slice(0, -1) : whole;
    }
    if (last !== '') pending.push(last);
  }
  const rest = pending.join('') + decode();
  if (rest !== '') yield rest.endsWith('\r') ? rest.slice(0, -1) : rest;
}
