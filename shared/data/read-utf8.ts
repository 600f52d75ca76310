import { createReadStream } from 'node:fs';
import { RegmeanError } from '../errors.ts';

const chunkBytes = 1 << 20;

/**
 * The text of a UTF-8 file, chunk by chunk, without a byte order mark.
 *
 * @throws RegmeanError `invalid-input` at bytes that are not UTF-8
 */
export async function* readUtf8(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let bytesRead = 0;
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch (cause) {
      throw new RegmeanError(
        'invalid-input',
        `${path}: must be UTF-8, got other bytes after byte ${bytesRead}`,
        {
          hint: 'save the file as UTF-8',
          cause,
        },
      );
    }
  };
  for await (const bytes of createReadStream(path, { highWaterMark: chunkBytes })) {
    yield decode(bytes);
    bytesRead += bytes.length;
  }
  const rest = decode();
  if (rest !== '') yield rest;
}
