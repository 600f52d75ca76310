import { isUtf8 } from 'node:buffer';
import { RegmeanError } from '../errors.ts';
import { type BadByte, createUtf8Scanner } from './utf8-scanner.ts';

/**
 * The text of the bytes of a whole file.
 *
 * @throws RegmeanError `invalid-input` at a byte that is not UTF-8, and for UTF-16
 */
export function utf8Text(path: string, bytes: Buffer): string {
  refuseUtf16(path, bytes);
  const bad = isUtf8(bytes) ? null : firstBadByte(bytes);
  if (bad !== null) throw notUtf8(path, bad);
  return bytes.toString('utf8');
}

/** The first byte that is not UTF-8, or null. */
export function firstBadByte(bytes: Uint8Array): BadByte | null {
  const scanner = createUtf8Scanner();
  return scanner.scan(bytes) ?? scanner.end();
}

/**
 * Refuses a file that begins as UTF-16 does: with its byte order mark, or with a zero byte in a
 * pair.
 */
export function refuseUtf16(path: string, [first, second]: Uint8Array): void {
  const hasMark = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  if (!hasMark && (second === undefined || (first === 0) === (second === 0))) return;
  throw new RegmeanError('invalid-input', `${path}: must be UTF-8, is UTF-16`, {
    hint: `iconv -f UTF-16 -t UTF-8 ${path} > utf8-file, or save it as UTF-8`,
  });
}

/** The refusal of a file with a byte that is not UTF-8. */
export function notUtf8(path: string, bad: BadByte): RegmeanError {
  return new RegmeanError(
    'invalid-input',
    `${path}: must be UTF-8, got the byte ${shownByte(bad)} at offset ${bad.offset} (line ${bad.line})`,
    { hint: `save the file as UTF-8; of Windows: iconv -f WINDOWS-1252 -t UTF-8 ${path} > utf8-file` },
  );
}

/** A byte as `0xFF`. */
export function shownByte({ byte }: BadByte): string {
  return `0x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
