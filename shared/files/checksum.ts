import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { RegmeanError } from '../errors.ts';

const readBlockBytes = 1 << 20;

/**
 * SHA-256 of a file's bytes, as lower-case hex; read as a stream, so a file of any size takes one
 * block of memory.
 *
 * @throws RegmeanError `not-found` when there is no such file
 */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path, { highWaterMark: readBlockBytes }), hash);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new RegmeanError('not-found', `${path}: no such file`, { cause: error });
  }
  return hash.digest('hex');
}
