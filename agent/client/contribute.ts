/**
 * @file Uploads a contribution folder; an interrupted upload continues where the merger's committed
 *   offsets stand.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { type ContributionManifest, manifestFile, readManifest } from '../../shared/contribution/manifest.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { sha256OfFile } from '../../shared/files/checksum.ts';
import type { MergerConnection } from '../../shared/wire/connection.ts';
import { readChunks } from '../../shared/wire/file-chunks.ts';
import { type FolderFile, mayTravel, totalBytes } from '../../shared/wire/folder-files.ts';
import type { CommittedOffset__Output } from '../../shared/wire/generated/regmean/v1/CommittedOffset.ts';
import type { ContributeRequest } from '../../shared/wire/generated/regmean/v1/ContributeRequest.ts';
import type { ContributeResponse__Output } from '../../shared/wire/generated/regmean/v1/ContributeResponse.ts';
import type { UploadManifest } from '../../shared/wire/generated/regmean/v1/UploadManifest.ts';
import { type Attempt, type RetryOptions, withRetries } from '../../shared/wire/with-retries.ts';

/** What is contributed, and who is told how far it has come. */
export interface ContributeOptions extends Omit<RetryOptions, 'address'> {
  /** The agent's name, when it must be checked against the one in contribution.json. */
  readonly agent?: string;
  /** The contribution folder. */
  readonly dir: string;
  /** Whether a stored contribution of this agent may be replaced. */
  readonly replace?: boolean;
  /** Told, when an upload begins or resumes, how many bytes are there already, and of how many. */
  readonly onStart?: (present: number, total: number) => void;
  /** Told how many bytes of all have been sent or were there. */
  readonly onBytes?: (done: number) => void;
  /** Told that the merger is checking the contribution. */
  readonly onValidating?: () => void;
}

/** How an upload ended. */
export interface ContributeResult {
  readonly digest: string;
  /** Whether the merger had it already. */
  readonly alreadyStored: boolean;
  /** Bytes of files sent by this call. */
  readonly bytesSent: number;
  readonly bytesTotal: number;
}

/**
 * Chunks handed to the connection and not yet taken by it. Waiting for an empty queue instead would
 * let the line idle while the next chunk is read.
 */
const maxChunksUnderWay = 8;

type ContributeStream = ClientDuplexStream<ContributeRequest, ContributeResponse__Output>;

/**
 * Contributes a folder.
 *
 * @throws RegmeanError when the merger refuses it or cannot be reached
 */
export async function contribute(
  connection: MergerConnection,
  options: ContributeOptions,
): Promise<ContributeResult> {
  const { dir, replace = false } = options;
  const declaration = await readManifest(dir);
  if (options.agent !== undefined && options.agent !== declaration.agent) {
    const got = `${join(dir, manifestFile)}: agent must be ${options.agent}, got ${declaration.agent}`;
    throw new RegmeanError('invalid-input', got, { hint: 'name the agent when the contribution is made' });
  }
  const files = await listFilesToSend(dir, declaration);
  const contributionJson = await readFile(join(dir, manifestFile), 'utf8');
  const manifest: UploadManifest = { agent: declaration.agent, files, contributionJson, replace };
  const bytesTotal = totalBytes(files);
  let bytesSent = 0;
  const stored = await withRetries({ address: connection.address, ...options }, (attempt) =>
    uploadOnce(connection, dir, files, manifest, attempt, options, (bytes) => {
      bytesSent += bytes;
    }),
  );
  return { ...stored, bytesSent, bytesTotal };
}

/**
 * The files that contribution.json lists, and contribution.json itself; nothing else is sent. Their
 * checksums are those that contribution.json gives: the merger compares them with what arrives.
 */
async function listFilesToSend(dir: string, declaration: ContributionManifest): Promise<FolderFile[]> {
  const files: FolderFile[] = [];
  for (const [name, { bytes, sha256 }] of Object.entries(declaration.files)) {
    const path = join(dir, name);
    if (!mayTravel(name)) throw new RegmeanError('invalid-input', `${path}: not a file that is ever sent`);
    const size = (await stat(path).catch(() => undefined))?.size;
    if (size !== bytes) {
      const got = size === undefined ? 'there is no such file' : `it has ${size}`;
      throw new RegmeanError(
        'invalid-input',
        `${path}: must have ${bytes} bytes as ${manifestFile} says, ${got}`,
        {
          hint: 'make the contribution again with: regmean stats',
        },
      );
    }
    files.push({ name, size, sha256 });
  }
  const own = join(dir, manifestFile);
  files.push({ name: manifestFile, size: (await stat(own)).size, sha256: await sha256OfFile(own) });
  return files;
}

async function uploadOnce(
  { client }: MergerConnection,
  dir: string,
  files: readonly FolderFile[],
  manifest: UploadManifest,
  attempt: Attempt,
  options: ContributeOptions,
  onBytes: (bytes: number) => void,
): Promise<{ readonly digest: string; readonly alreadyStored: boolean }> {
  const call: ContributeStream = client.Contribute();
  const ended = new AbortController();
  const cancel = (): void => call.cancel();
  attempt.signal.addEventListener('abort', cancel, { once: true });
  try {
    const responses = call.iterator({ destroyOnReturn: false }) as AsyncIterator<ContributeResponse__Output>;
    call.write({ manifest });
    const first = await nextAnswer(responses, attempt, options);
    if (first.stored) return first.stored;
    if (!first.accepted) throw new RegmeanError('network', 'the merger did not answer the manifest');
    const { offsets } = first.accepted;
    const present = offsets.reduce((sum, { offset }) => sum + offset, 0);
    options.onStart?.(present, totalBytes(files));
    let done = present;
    const sending = sendFiles(call, dir, files, offsets, ended.signal, (bytes) => {
      done += bytes;
      onBytes(bytes);
      attempt.progress();
      options.onBytes?.(done);
    });
    const [stored] = await Promise.all([awaitStored(responses, attempt, options), sending]);
    return stored;
  } finally {
    ended.abort();
    attempt.signal.removeEventListener('abort', cancel);
    call.on('error', () => {});
    call.cancel();
  }
}

async function sendFiles(
  call: ContributeStream,
  dir: string,
  files: readonly FolderFile[],
  offsets: readonly CommittedOffset__Output[],
  ended: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  let underWay = 0;
  let wake = (): void => {};
  ended.addEventListener('abort', () => wake(), { once: true });
  for (const { name } of files) {
    const offset = offsets.find(({ file }) => file === name)?.offset ?? 0;
    for await (const chunk of readChunks(join(dir, name), name, offset)) {
      if (ended.aborted) return;
      underWay++;
      call.write({ chunk }, () => {
        underWay--;
        onBytes(chunk.data.length);
        wake();
      });
      while (underWay >= maxChunksUnderWay && !ended.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  if (ended.aborted) return;
  call.write({ commit: {} });
  call.end();
}

async function awaitStored(
  responses: AsyncIterator<ContributeResponse__Output>,
  attempt: Attempt,
  options: ContributeOptions,
): Promise<{ readonly digest: string; readonly alreadyStored: boolean }> {
  for (;;) {
    const answer = await nextAnswer(responses, attempt, options);
    if (answer.stored) return answer.stored;
  }
}

/** The next answer that is more than a sign of life. */
async function nextAnswer(
  responses: AsyncIterator<ContributeResponse__Output>,
  attempt: Attempt,
  options: ContributeOptions,
): Promise<ContributeResponse__Output> {
  for (;;) {
    const { done, value } = await responses.next();
    if (done === true) throw new RegmeanError('network', 'the merger ended the upload without an answer');
    if (!value.validating) return value;
    attempt.progress();
    options.onValidating?.();
  }
}
