import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readChunks } from '../../../shared/wire/file-chunks.ts';
import { digestOfFiles, listFolderFiles, mayTravel } from '../../../shared/wire/folder-files.ts';
import { chunkBytes } from '../../../shared/wire/protocol.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'regmean-files-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('a folder', () => {
  it('sends its model files and nothing else that lies in it', async () => {
    for (const name of ['model.safetensors', 'config.json', 'train.jsonl', '.env', 'optimizer.pt']) {
      await writeFile(join(dir, name), name);
    }
    const files = await listFolderFiles(dir);
    expect(files.map(({ name, size }) => [name, size])).toEqual([
      ['config.json', 11],
      ['model.safetensors', 17],
    ]);
  });

  it('without a model file is no model folder', async () => {
    await writeFile(join(dir, 'train.jsonl'), '{}');
    await expect(listFolderFiles(dir)).rejects.toThrow('must be a model folder, holds no model file');
  });

  it('may have its weights in shards', () => {
    expect(mayTravel('model-00001-of-00002.safetensors')).toBe(true);
    expect(mayTravel('model-1-of-2.safetensors')).toBe(false);
    expect(mayTravel('../model-00001-of-00002.safetensors')).toBe(false);
  });
});

it('the digest of files depends on their content, not on their order', () => {
  const a = { name: 'a', size: 1, sha256: '1' };
  const b = { name: 'b', size: 2, sha256: '2' };
  expect(digestOfFiles([a, b])).toBe(digestOfFiles([b, a]));
  expect(digestOfFiles([a, b])).not.toBe(digestOfFiles([a, { ...b, sha256: '3' }]));
});

it('a file is read as consecutive chunks from the offset on, each with the CRC-32 of its bytes', async () => {
  const content = Buffer.alloc(2 * chunkBytes + 10, 'abcdefg');
  await writeFile(join(dir, 'model.safetensors'), content);
  const parts: Buffer[] = [];
  let next = 5;
  for await (const chunk of readChunks(join(dir, 'model.safetensors'), 'model.safetensors', next)) {
    expect(chunk.offset).toBe(next);
    expect(chunk.crc32).toBe(crc32(chunk.data));
    next += chunk.data.length;
    parts.push(chunk.data);
  }
  expect(parts.map((part) => part.length)).toEqual([chunkBytes, chunkBytes, 5]);
  expect(Buffer.concat(parts).equals(content.subarray(5))).toBe(true);
});
