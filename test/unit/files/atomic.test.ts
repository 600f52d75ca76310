import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFolderAtomically } from '../../../shared/files/atomic-folder.ts';
import { writeAllAtomically, writeFileAtomically } from '../../../shared/files/atomic-write.ts';
import { sha256OfFile } from '../../../shared/files/checksum.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('writeFileAtomically', () => {
  it('replaces a file', async () => {
    const path = join(folder, 'a.txt');
    await writeAllAtomically(path, 'old');
    await writeAllAtomically(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  it('keeps the old file and leaves nothing behind when writing fails', async () => {
    const path = join(folder, 'a.txt');
    await writeAllAtomically(path, 'old');
    const write = writeFileAtomically(path, async (file) => {
      await file.write('half');
      throw new Error('stopped');
    });
    await expect(write).rejects.toThrow('stopped');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });
});

describe('writeFolderAtomically', () => {
  const fill = (text: string) => async (target: string) => {
    await mkdir(join(target, 'sub'));
    await writeFile(join(target, 'sub', 'a.txt'), text);
  };

  it('makes a folder with its parents, or fills an empty one', async () => {
    const target = join(folder, 'x', 'y');
    await writeFolderAtomically(target, fill('1'));
    expect(await readFile(join(target, 'sub', 'a.txt'), 'utf8')).toBe('1');
    await mkdir(join(folder, 'empty'));
    await writeFolderAtomically(join(folder, 'empty'), fill('2'));
    expect(await readFile(join(folder, 'empty', 'sub', 'a.txt'), 'utf8')).toBe('2');
    expect((await readdir(folder)).sort()).toEqual(['empty', 'x']);
  });

  it('refuses a folder that holds something, and replaces it when asked to', async () => {
    const target = join(folder, 'full');
    await mkdir(target);
    await writeFile(join(target, 'mine.txt'), '');
    await expect(writeFolderAtomically(target, fill('1'))).rejects.toThrow(
      `${target}: must be a new or empty folder, holds mine.txt`,
    );
    await writeFolderAtomically(target, fill('1'), { replace: true });
    expect(await readdir(target)).toEqual(['sub']);
    expect(await readdir(folder)).toEqual(['full']);
  });

  it('refuses a file in the place of the folder', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(writeFolderAtomically(join(folder, 'file'), fill('1'))).rejects.toThrow(
      'must be a folder, is a file',
    );
  });

  it('leaves nothing behind when filling fails', async () => {
    const write = writeFolderAtomically(join(folder, 'x'), async (target) => {
      await writeFile(join(target, 'a'), '');
      throw new Error('stopped');
    });
    await expect(write).rejects.toThrow('stopped');
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('sha256OfFile', () => {
  it('hashes the bytes of a file', async () => {
    await writeFile(join(folder, 'abc'), 'abc');
    expect(await sha256OfFile(join(folder, 'abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    await expect(sha256OfFile(join(folder, 'none'))).rejects.toThrow('no such file');
  });
});
