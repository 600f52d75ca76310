/**
 * @file Sends files of a folder as checksummed chunks, from the offset that the receiver asks for.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { RegmeanError } from '../../shared/errors.ts';
import { readChunks } from '../../shared/wire/file-chunks.ts';
import type { FolderFile } from '../../shared/wire/folder-files.ts';
import type { FetchFileRequest__Output } from '../../shared/wire/generated/regmean/v1/FetchFileRequest.ts';
import type { FileChunk } from '../../shared/wire/generated/regmean/v1/FileChunk.ts';

/**
 * Answers one fetch.
 *
 * @param files the files that may be fetched; nothing else in `dir` can be
 * @throws RegmeanError when the file is not listed or the offset is past its end
 */
export async function sendFile(
  call: ServerWritableStream<FetchFileRequest__Output, FileChunk>,
  dir: string,
  files: readonly FolderFile[],
): Promise<void> {
  const { file: name, offset } = call.request;
  const file = files.find((candidate) => candidate.name === name);
  if (file === undefined) {
    const names = files.map((candidate) => candidate.name).join(', ');
    throw new RegmeanError(
      'not-found',
      `fetch: the file must be one of ${names}, got ${JSON.stringify(name)}`,
    );
  }
  if (offset > file.size) {
    throw new RegmeanError(
      'refused',
      `fetch: ${name}: the offset must be at most ${file.size}, got ${offset}`,
    );
  }
  for await (const chunk of readChunks(join(dir, name), name, offset)) {
    if (call.cancelled) return;
    if (!call.write(chunk)) await drained(call);
  }
  call.end();
}

/** Resolves when more can be written, or the receiver has gone. */
async function drained(call: ServerWritableStream<FetchFileRequest__Output, FileChunk>): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  try {
    await Promise.race([once(call, 'drain', { signal }), once(call, 'cancelled', { signal })]);
  } finally {
    settled.abort();
  }
}
