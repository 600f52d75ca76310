/** @file Which files of a model or contribution folder may travel, and what identifies them. */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { sha256OfFile } from '../files/checksum.ts';
import { sideFiles } from '../models/side-files.ts';

/** A file of a folder: plain name, length in bytes, SHA-256 in hexadecimal. */
export interface FolderFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

const travellingNames: ReadonlySet<string> = new Set([
  ...sideFiles,
  'README.md',
  'adapter_config.json',
  'adapter_model.safetensors',
  'config.json',
  'contribution.json',
  'fisher.safetensors',
  'grams.safetensors',
  'head.safetensors',
  'merge-report.json',
  'model.json',
  'model.onnx',
  'model.safetensors',
  'model.safetensors.index.json',
  'norms.safetensors',
  'output-grams.safetensors',
  'training.json',
  'weights.bin',
]);
const shardName = /^model-\d{5}-of-\d{5}\.safetensors$/;

/**
 * Whether a file of this name may be sent or received. The list is closed: nothing else in a folder
 * leaves the machine, and no name that arrives can point outside of its folder.
 */
export function mayTravel(name: string): boolean {
  return travellingNames.has(name) || shardName.test(name);
}

/**
 * The files of a folder that may travel, in name order, with their sizes and hashes.
 *
 * @param onHashed called with the number of bytes hashed after each file
 * @throws RegmeanError when the folder does not exist or holds no such file
 */
export async function listFolderFiles(
  dir: string,
  onHashed: (bytes: number) => void = () => {},
): Promise<FolderFile[]> {
  const names = await readdir(dir).catch((cause: unknown) => {
    throw new RegmeanError('not-found', `${dir}: must be a folder, cannot be read`, { cause });
  });
  const files: FolderFile[] = [];
  for (const name of names.filter(mayTravel).sort()) {
    const path = join(dir, name);
    const { size } = await stat(path);
    files.push({ name, size, sha256: await sha256OfFile(path) });
    onHashed(size);
  }
  if (files.length === 0) {
    throw new RegmeanError('invalid-input', `${dir}: must be a model folder, holds no model file`);
  }
  return files;
}

/** Identifies a set of files: SHA-256 over the sorted lines `name size sha256`. */
export function digestOfFiles(files: readonly FolderFile[]): string {
  const lines = files.map((file) => `${file.name} ${file.size} ${file.sha256}\n`).sort();
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/** Bytes of all the files together. */
export function totalBytes(files: readonly { readonly size: number }[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}
