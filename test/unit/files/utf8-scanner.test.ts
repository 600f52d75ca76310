import { describe, expect, it } from 'vitest';
import { createUtf8Scanner } from '../../../shared/files/utf8-scanner.ts';

/** What the scanner finds in a text that comes in chunks of `size` bytes. */
function scan(bytes: Uint8Array, size: number) {
  const scanner = createUtf8Scanner();
  for (let start = 0; start < bytes.length; start += size) {
    const bad = scanner.scan(bytes.subarray(start, start + size));
    if (bad !== null) return bad;
  }
  return scanner.end();
}

describe('the scanner for bytes that are not UTF-8', () => {
  const sizes = [1, 2, 3, 4, 5, 100];

  it('finds nothing in any text, wherever chunks end', () => {
    const text = Buffer.from('plain\nü ß €\n\u2028 語 👍🏽\uFEFF end');
    for (const size of sizes) expect(scan(text, size)).toBeNull();
  });

  it.each([
    ['a byte of Latin-1', [0x61, 0x0a, 0xe9, 0x20], 2, 2],
    ['a continuation without a first byte', [0x61, 0x80], 1, 1],
    ['a character cut short', [0xe2, 0x82, 0x61, 0x61], 0, 1],
    ['a character that the text ends inside of', [0x0a, 0x0a, 0xf0, 0x9f, 0x91], 2, 3],
    ['a longer form than needed', [0x61, 0xc0, 0xaf], 1, 1],
    ['a surrogate', [0xc3, 0xbc, 0xed, 0xa0, 0x80], 2, 1],
    ['what is beyond U+10FFFF', [0x61, 0xf4, 0x90, 0x80, 0x80], 1, 1],
  ])('finds %s', (_, bytes, offset, line) => {
    for (const size of sizes) {
      expect(scan(Uint8Array.from(bytes), size)).toEqual({ offset, line, byte: bytes[offset] });
    }
  });
});
