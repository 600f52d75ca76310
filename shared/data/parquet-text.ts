import { isUtf8 } from 'node:buffer';
import { parseJson } from '../files/json-text.ts';
import { firstBadByte, shownByte } from '../files/utf8-text.ts';

/** Stands in for a text of a Parquet file that cannot be read. */
export class UnreadableText {
  /** What it must be, and what it is. */
  readonly problem: string;

  constructor(problem: string) {
    this.problem = problem;
  }
}

const decoder = new TextDecoder();

/** Readers of texts for hyparquet, which by itself puts U+FFFD for bytes that are not UTF-8. */
export const textParsers = {
  stringFromBytes(bytes: Uint8Array | undefined): unknown {
    return bytes && textOf(bytes);
  },
  jsonFromBytes(bytes: Uint8Array | undefined): unknown {
    const text = bytes && textOf(bytes);
    if (typeof text !== 'string') return text;
    try {
      return parseJson(text);
    } catch {
      return new UnreadableText('must be JSON');
    }
  },
};

function textOf(bytes: Uint8Array): string | UnreadableText {
  const bad = isUtf8(bytes) ? null : firstBadByte(bytes);
  if (bad === null) return decoder.decode(bytes);
  const problem = `must be UTF-8, got the byte ${shownByte(bad)} at offset ${bad.offset} of the text`;
  return new UnreadableText(problem);
}

/** The first text in a value, which may be a list or a record, that cannot be read. */
export function unreadableIn(value: unknown): UnreadableText | null {
  if (value instanceof UnreadableText) return value;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return null;
  for (const part of Object.values(value)) {
    const found = unreadableIn(part);
    if (found !== null) return found;
  }
  return null;
}
