/**
 * @file Fetches a model folder from the merger; an interrupted fetch continues at the byte where it
 *   was cut.
 */
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { ClientReadableStream } from '@grpc/grpc-js';
import { RegmeanError } from '../../shared/errors.ts';
import { syncFolder } from '../../shared/files/atomic-write.ts';
import { sha256OfFile } from '../../shared/files/checksum.ts';
import { agentFileName } from '../../shared/wire/agent-models.ts';
import { candidateFileName } from '../../shared/wire/candidate-files.ts';
import type { MergerConnection } from '../../shared/wire/connection.ts';
import { checkChunk } from '../../shared/wire/file-chunks.ts';
import { type FolderFile, mayTravel, totalBytes } from '../../shared/wire/folder-files.ts';
import type { FetchFileRequest } from '../../shared/wire/generated/regmean/v1/FetchFileRequest.ts';
import type { FileChunk__Output } from '../../shared/wire/generated/regmean/v1/FileChunk.ts';
import { type RetryOptions, withRetries } from '../../shared/wire/with-retries.ts';

/** What is fetched, where to, and who is told how far it has come. */
export interface FetchFolderOptions extends Omit<RetryOptions, 'address'> {
  readonly what: 'base' | 'candidate' | 'interim' | 'fused';
  readonly files: readonly FolderFile[];
  /** The agent whose model is fetched; the one that all share when absent. */
  readonly agent?: string;
  /** Which candidate is fetched, where one is. */
  readonly candidate?: string;
  /** The folder to make; while it is incomplete it is called `<out>.partial`. */
  readonly out: string;
  /** Checks the complete folder before it gets its name. */
  readonly verify?: (dir: string) => Promise<void>;
  readonly onStart?: (present: number, total: number) => void;
  readonly onBytes?: (done: number) => void;
}

/** How a fetch ended. */
export interface FetchFolderResult {
  /** Whether the folder was there, with these very files. */
  readonly alreadyThere: boolean;
  readonly bytesReceived: number;
  readonly bytesTotal: number;
}

/**
 * Fetches a folder. Every file's SHA-256 is checked; the folder appears under its name when it is
 * complete.
 *
 * @throws RegmeanError when `out` holds something else, or the merger cannot be reached
 */
export async function fetchFolder(
  connection: MergerConnection,
  options: FetchFolderOptions,
): Promise<FetchFolderResult> {
  const { files, out } = options;
  const stranger = files.find((file) => !mayTravel(file.name));
  if (stranger !== undefined) {
    throw new RegmeanError(
      'refused',
      `${connection.address}: offers ${JSON.stringify(stranger.name)}, not a model file`,
    );
  }
  const bytesTotal = totalBytes(files);
  if (await isThere(out, files)) return { alreadyThere: true, bytesReceived: 0, bytesTotal };
  const partial = `${resolve(out)}.partial`;
  await mkdir(partial, { recursive: true });
  await removeStrangers(partial, files);
  const lengths = await Promise.all(files.map((file) => lengthOf(join(partial, file.name))));
  let done = lengths.reduce((sum, length) => sum + length, 0);
  let bytesReceived = 0;
  options.onStart?.(done, bytesTotal);
  for (const file of files) {
    await fetchFile(connection, options, partial, file, (bytes) => {
      bytesReceived += bytes;
      done += bytes;
      options.onBytes?.(done);
    });
  }
  await options.verify?.(partial);
  await syncFolder(partial);
  await rename(partial, out);
  await syncFolder(dirname(resolve(out)));
  return { alreadyThere: false, bytesReceived, bytesTotal };
}

async function fetchFile(
  connection: MergerConnection,
  options: FetchFolderOptions,
  dir: string,
  file: FolderFile,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const path = join(dir, file.name);
  const resumed = (await lengthOf(path)) > 0;
  if ((await lengthOf(path)) > file.size) await rm(path);
  await receiveRest(connection, options, path, file, onBytes);
  if ((await sha256OfFile(path)) === file.sha256) return;
  await rm(path);
  // What was there before may come from another model; what has just arrived in full may not.
  if (!resumed) throw new RegmeanError('network', `${file.name}: its SHA-256 is not the announced one`);
  await fetchFile(connection, options, dir, file, onBytes);
}

async function receiveRest(
  { address, client }: MergerConnection,
  options: FetchFolderOptions,
  path: string,
  file: FolderFile,
  onBytes: (bytes: number) => void,
): Promise<void> {
  await withRetries({ address, ...options }, async ({ signal, progress }) => {
    const handle = await open(path, 'a');
    try {
      let offset = (await handle.stat()).size;
      if (offset === file.size) return;
      const name = askedName(file.name, options);
      const call = callOf(client, options.what, { file: name, offset });
      const cancel = (): void => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      try {
        for await (const chunk of call as AsyncIterable<FileChunk__Output>) {
          checkChunk(address, chunk, { file: name, offset, size: file.size });
          await handle.appendFile(chunk.data);
          offset += chunk.data.length;
          progress();
          onBytes(chunk.data.length);
        }
      } finally {
        signal.removeEventListener('abort', cancel);
        call.cancel();
      }
      if (offset < file.size) {
        throw new RegmeanError('network', `${address}: ${file.name} ended at byte ${offset} of ${file.size}`);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** The name that the merger knows a file by. */
function askedName(file: string, { agent, candidate }: FetchFolderOptions): string {
  const own = agent === undefined ? file : agentFileName(agent, file);
  return candidate === undefined ? own : candidateFileName(candidate, own);
}

function callOf(
  client: MergerConnection['client'],
  what: FetchFolderOptions['what'],
  request: FetchFileRequest,
): ClientReadableStream<FileChunk__Output> {
  switch (what) {
    case 'base':
      return client.FetchBase(request);
    case 'candidate':
      return client.FetchCandidate(request);
    case 'interim':
      return client.FetchInterim(request);
    case 'fused':
      return client.FetchFused(request);
  }
}

/** Removes what an interrupted fetch of another model left behind. */
async function removeStrangers(partial: string, files: readonly FolderFile[]): Promise<void> {
  const wanted = new Set(files.map(({ name }) => name));
  for (const name of await readdir(partial)) {
    if (!wanted.has(name)) await rm(join(partial, name), { recursive: true });
  }
}

/** Whether `out` is there with exactly these files; anything else that lies there is an error. */
async function isThere(out: string, files: readonly FolderFile[]): Promise<boolean> {
  const names = await readdir(out).catch(() => undefined);
  if (names === undefined) return false;
  if (names.length === 0) {
    await rm(out, { recursive: true });
    return false;
  }
  for (const { name, sha256 } of files) {
    if (names.includes(name) && (await sha256OfFile(join(out, name))) === sha256) continue;
    throw new RegmeanError(
      'invalid-input',
      `${out}: must be a new folder or this very model, ${name} differs`,
      {
        hint: 'choose another --out, or remove this folder first',
      },
    );
  }
  return true;
}

async function lengthOf(path: string): Promise<number> {
  return stat(path).then(
    (file) => file.size,
    () => 0,
  );
}
