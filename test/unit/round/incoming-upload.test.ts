import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inspectUpload, openUpload } from '../../../merger/round/incoming-upload.ts';
import type { UploadManifest } from '../../../merger/round/upload-manifest.ts';

let dir: string;
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'regmean-upload-')), 'north');
});
afterEach(() => rm(join(dir, '..'), { recursive: true }));

const declaration = '{"format":"test"}';
const contents = { 'model.safetensors': 'weights of the model', 'contribution.json': declaration };

function manifestOf(files: Readonly<Record<string, string>> = contents): UploadManifest {
  return {
    agent: 'north',
    files: Object.entries(files).map(([name, text]) => ({
      name,
      size: text.length,
      sha256: createHash('sha256').update(text).digest('hex'),
    })),
    contributionJson: declaration,
    replace: false,
  };
}

const chunk = (file: string, offset: number, text: string) => {
  const data = Buffer.from(text);
  return { file, offset, data, crc32: crc32(data) };
};

describe('an upload', () => {
  it('continues where its files end, in whatever process', async () => {
    const first = await openUpload(dir, manifestOf());
    await first.write(chunk('model.safetensors', 0, 'weights '));
    await first.close();

    const second = await openUpload(dir, manifestOf());
    expect(second.offsets()).toEqual([
      { file: 'model.safetensors', offset: 8 },
      { file: 'contribution.json', offset: 0 },
    ]);
    await second.write(chunk('model.safetensors', 8, 'of the model'));
    await second.write(chunk('contribution.json', 0, declaration));
    await second.complete();
    expect(await readFile(join(second.folder, 'model.safetensors'), 'utf8')).toBe('weights of the model');
    expect((await readdir(second.folder)).sort()).toEqual(['contribution.json', 'model.safetensors']);
  });

  it('begins again when other content is announced', async () => {
    const first = await openUpload(dir, manifestOf());
    await first.write(chunk('model.safetensors', 0, 'weights '));
    await first.close();
    const other = await openUpload(dir, manifestOf({ ...contents, 'model.safetensors': 'another' }));
    expect(other.offsets()[0]).toEqual({ file: 'model.safetensors', offset: 0 });
  });

  it('begins a file again that is longer than announced', async () => {
    const first = await openUpload(dir, manifestOf());
    await first.close();
    await writeFile(join(first.folder, 'model.safetensors'), 'x'.repeat(1000));
    const second = await openUpload(dir, manifestOf());
    expect(second.offsets()[0]).toEqual({ file: 'model.safetensors', offset: 0 });
    expect(await readFile(join(first.folder, 'model.safetensors'), 'utf8')).toBe('');
  });

  it('tells how much has arrived', async () => {
    expect(await inspectUpload(dir)).toBeUndefined();
    const upload = await openUpload(dir, manifestOf());
    await upload.write(chunk('model.safetensors', 0, 'weights '));
    await upload.close();
    expect(await inspectUpload(dir)).toEqual({ received: 8, total: 20 + declaration.length });
  });

  const wrong: [string, ReturnType<typeof chunk>, RegExp][] = [
    [
      'with a gap',
      chunk('model.safetensors', 4, 'ghts'),
      /must continue with model.safetensors at byte 0, got .* byte 4/,
    ],
    ['of another file', chunk('contribution.json', 0, '{'), /must continue with model.safetensors at byte 0/],
    ['that is empty', chunk('model.safetensors', 0, ''), /a chunk has 1 to \d+ bytes, got 0/],
    ['beyond the announced size', chunk('model.safetensors', 0, 'x'.repeat(21)), /20 bytes declared, got 21/],
    ['that was damaged', { ...chunk('model.safetensors', 0, 'weights'), crc32: 1 }, /CRC-32 does not match/],
  ];
  for (const [name, bad, message] of wrong) {
    it(`takes no chunk ${name}`, async () => {
      const upload = await openUpload(dir, manifestOf());
      await expect(upload.write(bad)).rejects.toThrow(message);
      expect(upload.offsets()[0]?.offset).toBe(0);
      await upload.close();
    });
  }

  it('is not complete while bytes are missing', async () => {
    const upload = await openUpload(dir, manifestOf());
    await upload.write(chunk('model.safetensors', 0, 'weights '));
    await expect(upload.complete()).rejects.toThrow('model.safetensors: must have 20 bytes, got 8');
  });

  it('is not complete with another contribution.json than the announced one', async () => {
    const upload = await openUpload(dir, manifestOf({ 'contribution.json': '{"format":"TEST"}' }));
    await upload.write(chunk('contribution.json', 0, '{"format":"TEST"}'));
    await expect(upload.complete()).rejects.toThrow(
      'contribution.json: its content is not the announced one',
    );
  });

  it('tells how far the disk has it, once enough has come', async () => {
    const megabyte = 'x'.repeat(1024 * 1024);
    const upload = await openUpload(dir, manifestOf({ 'model.safetensors': megabyte.repeat(40) }));
    const reports: number[] = [];
    for (let i = 0; i < 40; i++) {
      const report = await upload.write(chunk('model.safetensors', i * megabyte.length, megabyte));
      if (report !== undefined) reports.push(report.offset);
    }
    await upload.close();
    expect(reports[0]).toBe(16 * 1024 * 1024);
  });

  it('takes up a folder that was left before its manifest was written', async () => {
    const first = await openUpload(dir, manifestOf());
    await first.close();
    await rm(join(dir, 'upload.json'));
    await appendFile(join(first.folder, 'model.safetensors'), 'stale');
    const second = await openUpload(dir, manifestOf());
    expect(second.offsets()[0]?.offset).toBe(0);
  });
});
