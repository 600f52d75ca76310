import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copySideFiles, copyTravellingFiles, sideFilesOf } from '../../../shared/models/side-files.ts';
import { mayTravel } from '../../../shared/wire/folder-files.ts';

const kept = [
  '1_Pooling/config.json',
  '2_Dense/config.json',
  '2_Dense/model.safetensors',
  'LICENSE',
  'additional_chat_templates/tool_use.jinja',
  'chat_template.jinja',
  'generation_config.json',
  'modules.json',
  'tokenizer.json',
];
const left = [
  '1_Pooling/data.json',
  '2_Dense/pytorch_model.bin',
  '2_Dense/modeling.py',
  'Notes/config.json',
  'additional_chat_templates/notes.txt',
  'checkpoint-500/config.json',
  'config.json',
  'model.onnx',
  'model.safetensors',
  'optimizer.pt',
  'train.jsonl',
];

let from: string;
let to: string;
let elsewhere: string;
beforeEach(async () => {
  from = await mkdtemp(join(tmpdir(), 'regmean-side-'));
  to = join(from, 'to');
  elsewhere = await mkdtemp(join(tmpdir(), 'regmean-elsewhere-'));
  await mkdir(to);
  for (const path of [...kept, ...left]) {
    await mkdir(dirname(join(from, path)), { recursive: true });
    await writeFile(join(from, path), path);
  }
});
afterEach(async () => {
  for (const folder of [from, elsewhere]) await rm(folder, { recursive: true, force: true });
});

describe('side files', () => {
  it('are those of known names, in folders too', async () => {
    expect(await sideFilesOf(from)).toEqual(kept);
  });

  it('are copied, and nothing else is', async () => {
    await copySideFiles(from, to);
    const entries = await readdir(to, { recursive: true, withFileTypes: true });
    const paths = entries.filter((entry) => entry.isFile()).map((e) => join(e.parentPath, e.name));
    expect(paths.map((path) => path.slice(to.length + 1)).sort()).toEqual(kept);
  });

  it('travel with a contribution where no folder and no other file is needed to read them', async () => {
    const travelling = ['LICENSE', 'chat_template.jinja', 'generation_config.json', 'tokenizer.json'];
    expect([...kept, ...left].filter(mayTravel).sort()).toEqual(
      [...travelling, 'config.json', 'model.onnx', 'model.safetensors'].sort(),
    );
    await copyTravellingFiles(from, to);
    expect((await readdir(to)).sort()).toEqual(travelling);
  });

  it('are no links to other files of the machine', async () => {
    await rm(join(from, 'tokenizer.json'));
    const secret = join(elsewhere, 'secret');
    await writeFile(secret, 'a secret');
    await symlink(secret, join(from, 'tokenizer.json'));
    const refusal = {
      code: 'invalid-input',
      message: `${from}/tokenizer.json: must be a file of the model, is a link to ${secret}`,
    };
    await expect(copySideFiles(from, to)).rejects.toMatchObject(refusal);
    await expect(copyTravellingFiles(from, to)).rejects.toMatchObject(refusal);
    await rm(secret);
    await expect(copySideFiles(from, to)).rejects.toMatchObject({
      code: 'not-found',
      message: `${from}/tokenizer.json: must be a file, is a link to what is not there`,
    });
  });

  it('are not in a folder that is a link to another', async () => {
    await mkdir(join(elsewhere, '.secrets'));
    await writeFile(join(elsewhere, '.secrets', 'config.json'), 'a secret');
    await symlink(join(elsewhere, '.secrets'), join(from, '3_Normalize'));
    await expect(copySideFiles(from, to)).rejects.toThrow(
      `3_Normalize/config.json: must be a file of the model, is a link to ${elsewhere}/.secrets/config.json`,
    );
  });

  it('may be links within the folder, to the same file of another model, and those of Hugging Face’s cache', async () => {
    await rm(join(from, 'tokenizer.json'));
    await symlink('chat_template.jinja', join(from, 'tokenizer.json'));
    await copySideFiles(from, join(to, 'own'));
    expect(await readFile(join(to, 'own', 'tokenizer.json'), 'utf8')).toBe('chat_template.jinja');

    const variant = join(elsewhere, 'variant');
    await mkdir(variant);
    for (const name of ['LICENSE', '1_Pooling']) await symlink(join(from, name), join(variant, name));
    await copySideFiles(variant, join(to, 'variant'));
    expect(await sideFilesOf(join(to, 'variant'))).toEqual(['1_Pooling/config.json', 'LICENSE']);

    const cached = join(elsewhere, 'snapshots', '1a2b');
    await mkdir(cached, { recursive: true });
    await mkdir(join(elsewhere, 'blobs'));
    await writeFile(join(elsewhere, 'blobs', 'c0ffee'), 'a blob');
    await symlink('../../blobs/c0ffee', join(cached, 'tokenizer.json'));
    await copySideFiles(cached, join(to, 'of-cache'));
    expect(await readFile(join(to, 'of-cache', 'tokenizer.json'), 'utf8')).toBe('a blob');
  });
});
