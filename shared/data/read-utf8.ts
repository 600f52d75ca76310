import { createReadStream } from 'node:fs';
import { RegmeanError } from '../errors.ts';
import { refuseLfsPointer } from '../files/lfs-pointer.ts';
import { createUtf8Scanner } from './utf8-scanner.ts';

const chunkBytes = 1 << 20;

/**
 * The text of a UTF-8 file, chunk by chunk, without a byte order mark.
 *
 * @param onBytes is shown the bytes that the text is from
 * @throws RegmeanError `invalid-input` at a byte that is not UTF-8, with its offset and line; for
 *   UTF-16 files, and for what Git LFS leaves in place of a file
 */
export async function* readUtf8(
  path: string,
  onBytes: (bytes: Uint8Array) => void = () => {},
): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const scanner = createUtf8Scanner();
  let isStart = true;
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) {
    const bytes: Uint8Array = chunk;
    if (isStart) {
      refuseLfsPointer(path, bytes);
      if (isUtf16(bytes)) throw otherEncoding(path);
    }
    isStart = false;
    onBytes(bytes);
    const bad = scanner.scan(bytes);
    if (bad !== null) throw notUtf8(path, bad);
    yield decoder.decode(bytes, { stream: true });
  }
  const bad = scanner.end();
  if (bad !== null) throw notUtf8(path, bad);
}

/**
 * Whether a text begins as UTF-16 does: with its byte order mark, or with a zero byte in a pair.
 */
function isUtf16([first, second]: Uint8Array): boolean {
  const hasMark = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  return hasMark || (second !== undefined && (first === 0) !== (second === 0));
}

function otherEncoding(path: string): RegmeanError {
  return new RegmeanError('invalid-input', `${path}: must be UTF-8, is UTF-16`, {
    hint: `iconv -f UTF-16 -t UTF-8 ${path} > utf8-file, or save it as UTF-8`,
  });
}

function notUtf8(
  path: string,
  { offset, line, byte }: { offset: number; line: number; byte: number },
): RegmeanError {
  const shown = `0x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return new RegmeanError(
    'invalid-input',
    `${path}: must be UTF-8, got the byte ${shown} at offset ${offset} (line ${line})`,
    { hint: `save the file as UTF-8; of Windows: iconv -f WINDOWS-1252 -t UTF-8 ${path} > utf8-file` },
  );
}
