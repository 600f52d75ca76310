import { createReadStream } from 'node:fs';
import { refuseLfsPointer } from '../files/lfs-pointer.ts';
import { createUtf8Scanner } from '../files/utf8-scanner.ts';
import { notUtf8, refuseUtf16 } from '../files/utf8-text.ts';

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
      refuseUtf16(path, bytes);
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
