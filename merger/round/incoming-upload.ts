/**
 * @file One agent's upload as it grows on the disk: `upload.json`, what was declared, and `files/`,
 *   the bytes so far. The length of each file is its committed offset; an upload that was cut
 *   anywhere continues from there.
 */
import { constants } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, readFile, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestFile as contributionFile } from '../../shared/contribution/manifest.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { syncFolder, writeJsonAtomically } from '../../shared/files/atomic-write.ts';
import { checkChunk } from '../../shared/wire/file-chunks.ts';
import type { FolderFile } from '../../shared/wire/folder-files.ts';
import type { FileChunk__Output } from '../../shared/wire/generated/regmean/v1/FileChunk.ts';
import { digestOf, type UploadManifest, uploadManifestSchema } from './upload-manifest.ts';

/** How much is written between two flushes; at most this much travels again after a power cut. */
const flushBytes = 16 * 1024 * 1024;

/** How far one file has come. */
export interface FileOffset {
  readonly file: string;
  readonly offset: number;
}

/** A growing upload. */
export interface IncomingUpload {
  /** Where the files lie; a contribution folder once it is complete. */
  readonly folder: string;
  readonly manifest: UploadManifest;
  /** The committed offset of every file, in the manifest's order. */
  offsets(): FileOffset[];
  /**
   * Writes the next chunk.
   *
   * @returns how far a file has been flushed to the disk, when that is news
   * @throws RegmeanError when the chunk is not the next one, or damaged
   */
  write(chunk: FileChunk__Output): Promise<FileOffset | undefined>;
  /**
   * Flushes and closes what is open.
   *
   * @throws RegmeanError when bytes are still missing, or contribution.json is not the announced
   *   one
   */
  complete(): Promise<void>;
  /** Flushes and closes what is open; the upload can be taken up again. */
  close(): Promise<void>;
}

/** Files that are here already, in full: those that a manifest also lists need not travel. */
export interface PresentFiles {
  readonly folder: string;
  readonly files: readonly FolderFile[];
}

/**
 * Takes up the upload in `dir`, or begins it; an upload of other content that lies there is
 * dropped.
 */
export async function openUpload(
  dir: string,
  manifest: UploadManifest,
  present?: PresentFiles,
): Promise<IncomingUpload> {
  const stored = await readManifest(dir);
  if (stored === undefined || digestOf(stored) !== digestOf(manifest)) {
    await rm(dir, { recursive: true, force: true });
    await mkdir(filesFolder(dir), { recursive: true });
    await writeJsonAtomically(join(dir, 'upload.json'), manifest);
  }
  const offsets = new Map<string, number>();
  const folder = filesFolder(dir);
  for (const file of manifest.files) {
    const path = join(folder, file.name);
    const length = await settledLength(path, file.size);
    const isPresent = length < file.size && present?.files.some((own) => isSame(own, file));
    if (isPresent) await takeOver(join(present?.folder ?? '', file.name), path);
    offsets.set(file.name, isPresent ? file.size : length);
  }
  return growingUpload(folder, manifest, offsets);
}

function isSame(a: FolderFile, b: FolderFile): boolean {
  return a.name === b.name && a.size === b.size && a.sha256 === b.sha256;
}

/** A second name for a file that never changes; a copy where the file system has no such names. */
async function takeOver(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_FICLONE));
}

/**
 * How many bytes of an upload lie in `dir` and how many were declared; undefined when there is
 * none.
 */
export async function inspectUpload(
  dir: string,
): Promise<{ readonly received: number; readonly total: number } | undefined> {
  const manifest = await readManifest(dir);
  if (manifest === undefined) return undefined;
  let received = 0;
  let total = 0;
  for (const { name, size } of manifest.files) {
    received += await stat(join(filesFolder(dir), name)).then(
      (file) => file.size,
      () => 0,
    );
    total += size;
  }
  return { received, total };
}

/** Where the bytes of the upload in `dir` lie. */
export function filesFolder(dir: string): string {
  return join(dir, 'files');
}

async function readManifest(dir: string): Promise<UploadManifest | undefined> {
  const text = await readFile(join(dir, 'upload.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : uploadManifestSchema.parse(JSON.parse(text));
}

function growingUpload(
  folder: string,
  manifest: UploadManifest,
  offsets: Map<string, number>,
): IncomingUpload {
  const where = `upload of ${manifest.agent}`;
  let current: { readonly file: string; readonly handle: FileHandle } | undefined;
  let unflushed = 0;
  let flushing: Promise<void> = Promise.resolve();
  let flushed: FileOffset | undefined;

  const offsetOf = (file: string): number => offsets.get(file) ?? 0;
  const closeCurrent = async (): Promise<void> => {
    if (current === undefined) return;
    const { handle } = current;
    current = undefined;
    unflushed = 0;
    try {
      await flushing;
      await handle.sync();
    } finally {
      await handle.close();
    }
  };
  const handleOf = async (file: string): Promise<FileHandle> => {
    if (current?.file === file) return current.handle;
    await closeCurrent();
    current = { file, handle: await open(join(folder, file), 'a') };
    return current.handle;
  };
  /** Flushes what has been written, while the next chunks arrive. */
  const flush = async (handle: FileHandle, reached: FileOffset): Promise<void> => {
    await flushing;
    unflushed = 0;
    flushing = handle.sync().then(() => {
      flushed = reached;
    });
    // Whoever awaits the flush next meets its failure; until then it is not unhandled.
    flushing.catch(() => {});
  };

  return {
    folder,
    manifest,
    offsets: () => manifest.files.map(({ name }) => ({ file: name, offset: offsetOf(name) })),
    async write(chunk) {
      const next = manifest.files.find(({ name, size }) => offsetOf(name) < size);
      if (next === undefined) {
        throw new RegmeanError('refused', `${where}: every byte is here, got more of ${chunk.file}`);
      }
      const offset = offsetOf(next.name);
      checkChunk(where, chunk, { file: next.name, offset, size: next.size });
      const handle = await handleOf(next.name);
      await writeFully(handle, chunk.data);
      const end = offset + chunk.data.length;
      offsets.set(next.name, end);
      unflushed += chunk.data.length;
      if (unflushed >= flushBytes) await flush(handle, { file: next.name, offset: end });
      const report = flushed;
      flushed = undefined;
      return report;
    },
    async complete() {
      await closeCurrent();
      for (const { name, size } of manifest.files) {
        if (offsetOf(name) < size) {
          throw new RegmeanError(
            'refused',
            `${where}: ${name}: must have ${size} bytes, got ${offsetOf(name)}`,
          );
        }
        if (size === 0) await (await open(join(folder, name), 'a')).close();
      }
      const received = await readFile(join(folder, contributionFile), 'utf8');
      if (received !== manifest.contributionJson) {
        throw new RegmeanError(
          'refused',
          `${where}: ${contributionFile}: its content is not the announced one`,
        );
      }
      await syncFolder(folder);
    },
    close: closeCurrent,
  };
}

/** Appends all of `data`; the system may take it in parts. */
async function writeFully(handle: FileHandle, data: Uint8Array): Promise<void> {
  for (let done = 0; done < data.length; ) {
    done += (await handle.write(data, done)).bytesWritten;
  }
}

/**
 * The length of a partial file; a file longer than declared cannot be a part of it and starts
 * again.
 */
async function settledLength(path: string, declared: number): Promise<number> {
  const length = await stat(path).then(
    (file) => file.size,
    () => 0,
  );
  if (length <= declared) return length;
  await truncate(path, 0);
  return 0;
}
