import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copySideFiles, copyTravellingFiles, sideFilesOf } from '../../../shared/models/side-files.ts';
import { mayTravel } from '../../../shared/wire/folder-files.ts';

const kept = [
  '1_Pooling/config.json',
  'LICENSE',
  'additional_chat_templates/tool_use.jinja',
  'chat_template.jinja',
  'generation_config.json',
  'modules.json',
  'tokenizer.json',
];
const left = [
  '1_Pooling/data.json',
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
beforeEach(async () => {
  from = await mkdtemp(join(tmpdir(), 'regmean-side-'));
  to = join(from, 'to');
  await mkdir(to);
  for (const path of [...kept, ...left]) {
    await mkdir(dirname(join(from, path)), { recursive: true });
    await writeFile(join(from, path), path);
  }
});
afterEach(() => rm(from, { recursive: true, force: true }));

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
});
