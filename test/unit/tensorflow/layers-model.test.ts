import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { baseFingerprint } from '../../../shared/formats/base-fingerprint.ts';
import { isLayersModel, openLayersModel, writeLayersModel } from '../../../shared/tensorflow/layers-model.ts';
import { loadLayersModel } from '../../../shared/tensorflow/load-layers-model.ts';
import { quietContext } from '../../support/run-context.ts';
import { writeTinyLayersModel } from '../../support/tiny-layers-model.ts';
import { writeTinyBase } from '../../support/tiny-model.ts';

let folder: string;
let model: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-layers-'));
  model = await writeTinyLayersModel(join(folder, 'model'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface ModelJson extends Partial<Layers> {
  weightsManifest?: {
    paths: string[];
    weights: { quantization?: object; name?: string; shape?: number[]; dtype?: string; group?: string }[];
  }[];
}

async function edit(change: (json: ModelJson) => void): Promise<void> {
  const path = join(model, 'model.json');
  const json = JSON.parse(await readFile(path, 'utf8'));
  change(json);
  await writeFile(path, JSON.stringify(json));
}

/** The layers as model.json lists them: ids, words, left, right, sum, mean, head. */
interface Layers {
  modelTopology: { config: { layers: { name: string; inbound_nodes: unknown }[] } };
}

describe('the layers of a model', () => {
  it.each<[string, number, unknown, string]>([
    [
      'that is not there',
      5,
      [[['some', 0, 0, {}]]],
      'layer mean: must read outputs of layers before it, got some, call 0',
    ],
    [
      'that waits for it',
      4,
      [
        [
          ['left', 0, 0, {}],
          ['head', 0, 0, {}],
        ],
      ],
      'layer sum: must read outputs of layers before it, got head, call 0',
    ],
    [
      'that is called once',
      5,
      [[['sum', 1, 0, {}]]],
      'layer mean: must read outputs of layers before it, got sum, call 1',
    ],
    ['in other words', 5, [['sum']], 'layer mean: inbound_nodes must hold lists of inputs, got ["sum"]'],
  ])('must not read a layer %s', async (_, at, inputs, problem) => {
    await edit((json) => {
      const layer = json.modelTopology?.config.layers[at];
      if (layer !== undefined) layer.inbound_nodes = inputs;
    });
    await expect(openLayersModel(model)).rejects.toThrow(`model.json: ${problem}`);
  });

  it('must have names of their own', async () => {
    await edit((json) => {
      const layer = json.modelTopology?.config.layers[3];
      if (layer !== undefined) layer.name = 'left';
    });
    await expect(openLayersModel(model)).rejects.toThrow(
      'model.json: layer names must differ, got left twice',
    );
  });
});

describe('openLayersModel', () => {
  it('reads weights by name from the folder or its JSON file', async () => {
    const names = [
      'words/embeddings',
      'left/kernel',
      'left/bias',
      'right/kernel',
      'right/bias',
      'head/kernel',
      'head/bias',
    ];
    for (const path of [model, join(model, 'model.json')]) {
      const { weights } = await openLayersModel(path);
      expect([...weights.keys()]).toEqual(names);
      expect(weights.get('left/kernel')?.shape).toEqual([6, 5]);
    }
  });

  it('reads back what was written, also without the binary file, with the same fingerprint', async () => {
    const file = await openLayersModel(model);
    const out = join(folder, 'out');
    await mkdir(out);
    await writeLayersModel(out, file.json, file.weights);
    expect((await openLayersModel(out)).weights).toEqual(file.weights);
    await rm(join(out, 'model.safetensors'));
    expect((await openLayersModel(out)).weights).toEqual(file.weights);
    await writeLayersModel(out, file.json, file.weights);
    await rm(join(out, 'weights.bin'));
    expect((await openLayersModel(out)).weights).toEqual(file.weights);
    expect(await baseFingerprint(out)).toBe(await baseFingerprint(join(model, 'model.json')));
  });

  it('leaves out the weights of an optimizer that was saved with the model', async () => {
    const { weights } = await openLayersModel(model);
    await edit(({ weightsManifest }) => {
      const optimizer = { name: 'iter', shape: [], dtype: 'int32', group: 'optimizer' };
      weightsManifest?.[0]?.weights.splice(1, 0, optimizer);
    });
    const path = join(model, 'group1-shard1of1.bin');
    const bytes = await readFile(path);
    const first = 4 * 12 * 6;
    await writeFile(
      path,
      Buffer.concat([bytes.subarray(0, first), Buffer.alloc(4, 7), bytes.subarray(first)]),
    );
    expect((await openLayersModel(model)).weights).toEqual(weights);
  });

  it('is told from a Hugging Face folder', async () => {
    expect(await isLayersModel(model)).toBe(true);
    expect(await isLayersModel(join(model, 'model.json'))).toBe(true);
    expect(await isLayersModel(await writeTinyBase(join(folder, 'bert')))).toBe(false);
    expect(await isLayersModel(join(folder, 'none'))).toBe(false);
  });

  it.each([
    ['model.h5', '--input_format keras F/model.h5 model'],
    ['model.keras', '--input_format keras_keras F/model.keras model'],
    ['saved_model.pb', '--input_format keras_saved_model --output_format tfjs_layers_model F model'],
  ])('is made of %s by a command that the refusal tells', async (name, options) => {
    const keras = join(folder, 'keras');
    await mkdir(keras);
    await writeFile(join(keras, name), '');
    const paths = name.endsWith('.pb') ? [keras] : [keras, join(keras, name)];
    for (const path of paths) {
      const hint = expect.stringContaining(`tensorflowjs_converter ${options.replace('F', keras)}`);
      await expect(isLayersModel(path)).rejects.toMatchObject({ code: 'unsupported', hint });
    }
    // Files beside a model that can be read, and Hugging Face's own for TensorFlow, which another
    // message is about.
    for (const other of ['model.onnx', 'config.json']) {
      await writeFile(join(keras, other), '{"model_type":"bert"}');
      expect(await isLayersModel(keras)).toBe(false);
      await rm(join(keras, other));
    }
  });

  it('is no graph model, which is named as what it is', async () => {
    await edit((json) => Object.assign(json, { format: 'graph-model', weightsManifest: [] }));
    await expect(openLayersModel(model)).rejects.toThrow('is a graph model, only layers models');
  });

  it('is refused when it is opened for use and a weight is not finite', async () => {
    const path = join(model, 'group1-shard1of1.bin');
    const bytes = await readFile(path);
    bytes.writeFloatLE(Number.NaN, 4 * (12 * 6 + 2));
    await writeFile(path, bytes);
    await expect(loadLayersModel(model, 'text-classification', quietContext)).rejects.toThrow(
      'weight left/kernel must be finite, got NaN at element 2',
    );
  });

  it('refuses weights that are missing, of another size, quantized, or outside of the folder', async () => {
    await writeFile(join(model, 'group1-shard1of1.bin'), Buffer.alloc(8));
    await expect(openLayersModel(model)).rejects.toThrow('group1-shard1of1.bin must have');
    await rm(join(model, 'group1-shard1of1.bin'));
    await expect(openLayersModel(model)).rejects.toThrow('no such file');
    await edit((json) => {
      if (json.weightsManifest?.[0] !== undefined) json.weightsManifest[0].paths = ['../secret.bin'];
    });
    await expect(openLayersModel(model)).rejects.toThrow('files of the same folder, got ../secret.bin');
    await edit((json) => {
      Object.assign(json.weightsManifest?.[0]?.weights[0] ?? {}, { quantization: { dtype: 'uint8' } });
    });
    await expect(openLayersModel(model)).rejects.toThrow(
      'weight words/embeddings must be float32, is quantized',
    );
    await edit((json) => {
      delete json.weightsManifest;
    });
    await expect(openLayersModel(model)).rejects.toThrow('weightsManifest');
  });
});
