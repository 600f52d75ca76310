/**
 * @file Folders that are either there in full or not at all: filled under a temporary name beside
 *   the target, every file flushed to the disk, then renamed.
 */

import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { syncFolder, temporaryNeighbour } from './atomic-write.ts';

/**
 * Fills a new folder and commits it as `target` in one rename. Missing parents are made.
 *
 * @param fill writes the files into the temporary folder it is given; when it throws, nothing of it
 *   remains
 * @param options `replace`: whether a `target` that is there and not empty is replaced; otherwise
 *   it is an error
 * @throws RegmeanError `invalid-input` when `target` is a file, or holds something and `replace` is
 *   not set
 */
export async function writeFolderAtomically<T>(
  target: string,
  fill: (folder: string) => Promise<T>,
  options: { replace?: boolean } = {},
): Promise<T> {
  const destination = resolve(target);
  await mkdir(dirname(destination), { recursive: true });
  await (options.replace === true ? listFolder(target) : requireNewFolder(target));
  const temporary = temporaryNeighbour(destination);
  try {
    await mkdir(temporary);
    const result = await fill(temporary);
    await syncTree(temporary);
    await moveInto(temporary, destination, options.replace === true);
    return result;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

/**
 * The names in a folder, or nothing when there is no such folder; a file in its place is an error.
 */
export async function listFolder(path: string): Promise<readonly string[] | undefined> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return undefined;
    if (code === 'ENOTDIR') throw new RegmeanError('invalid-input', `${path}: must be a folder, is a file`);
    throw error;
  }
}

/**
 * Checks that a folder can be written: before long work, so that its result has a place to go.
 *
 * @throws RegmeanError `invalid-input` when `target` is a file, or holds something
 */
export async function requireNewFolder(target: string): Promise<void> {
  const names = await listFolder(target);
  if (names !== undefined && names.length > 0) {
    throw new RegmeanError('invalid-input', `${target}: must be a new or empty folder, holds ${names[0]}`, {
      hint: 'choose another folder, or remove this one first',
    });
  }
}

async function moveInto(temporary: string, destination: string, replace: boolean): Promise<void> {
  if (!replace) await requireNewFolder(destination);
  const previous =
    (await listFolder(destination)) === undefined ? undefined : temporaryNeighbour(destination);
  if (previous !== undefined) await rename(destination, previous);
  try {
    await rename(temporary, destination);
  } catch (error) {
    if (previous !== undefined) await rename(previous, destination);
    throw error;
  }
  await syncFolder(dirname(destination));
  if (previous !== undefined) await rm(previous, { recursive: true, force: true });
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      await syncTree(path);
      continue;
    }
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
  await syncFolder(folder);
}
