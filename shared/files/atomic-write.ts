/**
 * @file Files that are either there in full or not at all: written under a temporary name in the
 *   same folder, flushed to the disk, renamed, and the folder flushed, so that a crash or a power
 *   cut leaves no half file.
 */

import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Writes the file `path` atomically; an existing file is replaced.
 *
 * @param write fills the temporary file; when it throws, the temporary file is removed and `path`
 *   stays as it was
 */
export async function writeFileAtomically<T>(
  path: string,
  write: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const temporary = temporaryNeighbour(path);
  try {
    const file = await open(temporary, 'wx');
    let result: T;
    try {
      result = await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Writes text (UTF-8) or bytes atomically. */
export async function writeAllAtomically(path: string, content: string | Uint8Array): Promise<void> {
  await writeFileAtomically(path, (file) => file.writeFile(content));
}

/** Writes a value as indented JSON with a closing newline, atomically. */
export async function writeJsonAtomically(path: string, value: unknown): Promise<void> {
  await writeAllAtomically(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** A hidden name in the same folder as `path`, free with near certainty. */
export function temporaryNeighbour(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
}

/** Flushes a folder's entries (created, renamed and removed names) to the disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
