/** @file Files as checksummed chunks, both ways. */
import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { RegmeanError } from '../errors.ts';
import type { FileChunk__Output } from './generated/regmean/v1/FileChunk.ts';
import { chunkBytes, maxChunkBytes } from './protocol.ts';

/** One chunk as it travels. */
export interface Chunk {
  readonly file: string;
  readonly offset: number;
  readonly data: Buffer;
  readonly crc32: number;
}

/**
 * Reads a file as chunks from an offset to its end; one chunk is in memory at a time.
 *
 * @param path the file
 * @param file the name that the chunks carry
 * @param offset first byte to read
 */
export async function* readChunks(path: string, file: string, offset: number): AsyncGenerator<Chunk> {
  const handle = await open(path, 'r');
  try {
    for (let position = offset; ; ) {
      const buffer = Buffer.allocUnsafeSlow(chunkBytes);
      const { bytesRead } = await handle.read(buffer, 0, chunkBytes, position);
      if (bytesRead === 0) return;
      const data = buffer.subarray(0, bytesRead);
      yield { file, offset: position, data, crc32: crc32(data) };
      position += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/**
 * Checks that a chunk is the one that must come next and that its bytes arrived as they were sent.
 *
 * @param where who sent it, for the message
 * @throws RegmeanError of code `network` when the checksum differs, `refused` when it is out of
 *   order or too long
 */
export function checkChunk(
  where: string,
  chunk: FileChunk__Output,
  expected: { readonly file: string; readonly offset: number; readonly size: number },
): void {
  const { file, offset, size } = expected;
  const { length } = chunk.data;
  if (chunk.file !== file || chunk.offset !== offset) {
    throw new RegmeanError(
      'refused',
      `${where}: must continue with ${file} at byte ${offset}, got ${chunk.file} at byte ${chunk.offset}`,
    );
  }
  if (length === 0 || length > maxChunkBytes) {
    throw new RegmeanError(
      'refused',
      `${where}: ${file}: a chunk has 1 to ${maxChunkBytes} bytes, got ${length}`,
    );
  }
  if (offset + length > size) {
    throw new RegmeanError('refused', `${where}: ${file}: ${size} bytes declared, got ${offset + length}`);
  }
  if (crc32(chunk.data) !== chunk.crc32) {
    throw new RegmeanError(
      'network',
      `${where}: ${file} at byte ${offset}: the chunk's CRC-32 does not match`,
    );
  }
}
