import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openModelWeights } from '../../../shared/safetensors/model-weights.ts';
import { writeSafetensors } from '../../../shared/safetensors/write-safetensors.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-weights-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const shard = (file: string, ...names: string[]): Promise<void> =>
  writeSafetensors(
    join(folder, file),
    names.map((name) => ({ name, shape: [1], data: Float32Array.of(name.length) })),
  );
const index = (weightMap: Record<string, string>): Promise<void> =>
  writeFile(
    join(folder, 'model.safetensors.index.json'),
    JSON.stringify({ metadata: {}, weight_map: weightMap }),
  );

describe('openModelWeights', () => {
  it('reads model.safetensors', async () => {
    await shard('model.safetensors', 'w');
    const weights = await openModelWeights(folder);
    expect(weights.files).toEqual(['model.safetensors']);
    expect((await weights.readFloat32('w')).data).toEqual(Float32Array.of(1));
    await weights.close();
  });

  it('reads shards through the index', async () => {
    await shard('model-1.safetensors', 'a', 'bb');
    await shard('model-2.safetensors', 'ccc');
    await index({ a: 'model-1.safetensors', bb: 'model-1.safetensors', ccc: 'model-2.safetensors' });
    const weights = await openModelWeights(folder);
    expect([...weights.tensors.keys()]).toEqual(['a', 'bb', 'ccc']);
    expect((await weights.readFloat32('ccc')).data).toEqual(Float32Array.of(3));
    expect(await weights.readFloat64('bb')).toEqual(Float64Array.of(2));
    await expect(weights.readFloat32('d')).rejects.toThrow('no tensor d');
    await weights.close();
  });

  it('rejects an index that names a missing tensor, a missing shard or hides a tensor', async () => {
    await shard('model-1.safetensors', 'a', 'b');
    await index({ a: 'model-1.safetensors', c: 'model-1.safetensors' });
    await expect(openModelWeights(folder)).rejects.toThrow('tensor c is not in model-1.safetensors');
    await index({ a: 'model-9.safetensors' });
    await expect(openModelWeights(folder)).rejects.toThrow('model-9.safetensors: no such file');
    await index({ a: 'model-1.safetensors' });
    await expect(openModelWeights(folder)).rejects.toThrow('does not list tensor b of model-1.safetensors');
  });

  it('rejects an index that leads out of the folder', async () => {
    await index({ a: '../secret.safetensors' });
    await expect(openModelWeights(folder)).rejects.toThrow(
      'tensor a must lie in a .safetensors file of the same folder, got ../secret.safetensors',
    );
  });

  it('rejects an index that is not JSON or has no map', async () => {
    const path = join(folder, 'model.safetensors.index.json');
    await writeFile(path, '{');
    await expect(openModelWeights(folder)).rejects.toThrow('index.json: must be JSON');
    await writeFile(path, '{"weight_map":[1]}');
    await expect(openModelWeights(folder)).rejects.toThrow('weight_map must map tensor names to file names');
  });

  it.each([
    ['pytorch_model.bin', 'safe_serialization=True'],
    ['pytorch_model-00001-of-00002.bin', 'safe_serialization=True'],
    ['tf_model.h5', 'from_tf=True'],
    ['flax_model.msgpack', 'from_flax=True'],
    ['model-q4.gguf', 'gguf_file="model-q4.gguf"'],
  ])('refuses %s and says how to convert it', async (name, hint) => {
    await writeFile(join(folder, name), '');
    await expect(openModelWeights(folder)).rejects.toMatchObject({
      code: 'unsupported',
      message: `${folder}: weights must be safetensors, got only ${name}`,
      hint: expect.stringContaining(hint),
    });
  });

  it('rejects a folder without weights and a missing folder', async () => {
    await expect(openModelWeights(folder)).rejects.toThrow('must hold model.safetensors or');
    await expect(openModelWeights(join(folder, 'none'))).rejects.toThrow('no such folder');
  });
});
