import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { refuseLfsPointer } from '../../../shared/files/lfs-pointer.ts';
import { readJson } from '../../../shared/files/read-json.ts';
import { readConfigJson } from '../../../shared/models/config-json.ts';
import { openOnnx } from '../../../shared/onnx/open-onnx.ts';
import { openModelWeights } from '../../../shared/safetensors/model-weights.ts';
import { openSafetensors } from '../../../shared/safetensors/open-safetensors.ts';
import { openLayersModel } from '../../../shared/tensorflow/layers-model.ts';
import { loadTokenizer } from '../../../shared/tokenization/load-tokenizer.ts';

const pointer = `version https://git-lfs.github.com/spec/v1
oid sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
size 438000000
`;
const layers = JSON.stringify({
  modelTopology: { model_config: { class_name: 'Sequential', config: { layers: [] } } },
  weightsManifest: [{ paths: ['weights.bin'], weights: [{ name: 'w', shape: [2], dtype: 'float32' }] }],
});

describe('a pointer of Git LFS', () => {
  it.each([
    ['model.safetensors', (path: string) => openSafetensors(path)],
    ['model.safetensors.index.json', (path: string) => openModelWeights(dirname(path))],
    ['config.json', (path: string) => readConfigJson(dirname(path))],
    ['tokenizer.json', (path: string) => loadTokenizer(dirname(path))],
    ['tokenizer_config.json', (path: string) => loadTokenizer(dirname(path))],
    ['model.onnx', (path: string) => openOnnx(path)],
    ['weights.bin', (path: string) => openLayersModel(join(dirname(path), 'model.json'))],
    ['training.json', (path: string) => readJson(path, z.object({}))],
  ])('in place of %s is told', async (name, open) => {
    const folder = await mkdtemp(join(tmpdir(), 'regmean-lfs-'));
    if (name === 'weights.bin') await writeFile(join(folder, 'model.json'), layers);
    await writeFile(join(folder, name), pointer);
    await expect(open(join(folder, name))).rejects.toMatchObject({
      message: `${join(folder, name)}: must be the file of 438000000 bytes itself, got a pointer of Git LFS to it`,
      hint: expect.stringContaining('git lfs pull'),
    });
  });

  it('is no text that only speaks of one', () => {
    expect(() => refuseLfsPointer('a', `see "${pointer}"`)).not.toThrow();
    expect(() => refuseLfsPointer('a', Buffer.from('version 2'))).not.toThrow();
  });
});
