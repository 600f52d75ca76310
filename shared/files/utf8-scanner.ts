import { isUtf8 } from 'node:buffer';

/** A byte that no UTF-8 text has where it stands. */
export interface BadByte {
  /** From the beginning of the text, 0-based. */
  readonly offset: number;
  /** The line it stands on, 1-based. */
  readonly line: number;
  readonly byte: number;
}

/** Looks through a text that comes in chunks. */
export interface Utf8Scanner {
  /** The first bad byte, or null. */
  scan(bytes: Uint8Array): BadByte | null;
  /** The first byte of a character that the text ends inside of, or null. */
  end(): BadByte | null;
}

/**
 * Finds the first byte that is not UTF-8, as RFC 3629 defines it: continuation bytes without a
 * first, characters cut short, forms longer than needed, surrogates, and what is beyond U+10FFFF.
 */
export function createUtf8Scanner(): Utf8Scanner {
  let offset = 0;
  let line = 1;
  /** Begin of a character that the last chunk ended inside of. */
  let rest: Uint8Array = new Uint8Array(0);

  const badByte = (bytes: Uint8Array, at: number): BadByte => ({
    offset: offset + at,
    line: line + linesIn(bytes.subarray(0, at)),
    byte: bytes[at] ?? 0,
  });

  return {
    scan(chunk) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const end = bytes.length - unfinished(bytes);
      if (!isUtf8(bytes.subarray(0, end))) return badByte(bytes, firstBad(bytes));
      line += linesIn(bytes.subarray(0, end));
      offset += end;
      rest = bytes.slice(end);
      return null;
    },
    end: () => (rest.length === 0 ? null : badByte(rest, 0)),
  };
}

/** How many bytes at the end begin a character without ending it. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const length = lengthOf(bytes[bytes.length - back] as number);
    if (length === 0) continue;
    return length > back ? back : 0;
  }
  return 0;
}

/** Bytes of a character by its first one; 0 for a continuation byte, 1 for what begins none. */
function lengthOf(byte: number): number {
  if (byte >= 0x80 && byte < 0xc0) return 0;
  if (byte >= 0xc2 && byte < 0xe0) return 2;
  if (byte >= 0xe0 && byte < 0xf0) return 3;
  return byte >= 0xf0 && byte < 0xf5 ? 4 : 1;
}

/** Where the first character that is not UTF-8 begins. */
function firstBad(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = lengthOf(bytes[at] as number);
    if (length === 0 || !isUtf8(bytes.subarray(at, at + length))) return at;
    at += length;
  }
  return at;
}

function linesIn(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
  return lines;
}
