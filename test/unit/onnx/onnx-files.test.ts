import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { baseFingerprint } from '../../../shared/formats/base-fingerprint.ts';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { requireGraphModel } from '../../../shared/formats/model-format.ts';
import { openModel } from '../../../shared/formats/open-model.ts';
import {
  decodeModel,
  encodeModel,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../../../shared/graph/onnx-schema.ts';
import { saveModel } from '../../../shared/models/model-folder.ts';
import { graphDifference, readGraph } from '../../../shared/onnx/compare-graphs.ts';
import { narrowToFloat16 } from '../../../shared/safetensors/half-precision.ts';

const task = 'text-classification';
const fixture = fileURLToPath(new URL('../../fixtures/onnx/encoder.onnx', import.meta.url));
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-onnx-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** The encoder, changed, as a file of its own folder. */
async function changed(change: (model: OnnxModel) => OnnxModel, name = 'changed'): Promise<string> {
  await mkdir(join(folder, name), { recursive: true });
  const path = join(folder, name, 'net.onnx');
  await writeFile(path, encodeModel(change(decodeModel(await readFile(fixture)))));
  return path;
}

const withInitializers = (model: OnnxModel, change: (tensor: OnnxTensor) => OnnxTensor): OnnxModel => ({
  ...model,
  graph: { ...model.graph, initializer: model.graph.initializer.map(change) },
});

const load = (path: string): ReturnType<typeof loadModel> => loadModel(path, { task });

describe('a model folder made from an ONNX file', () => {
  it('has the same weights, fingerprint and graph, and refers to weights that are stored once', async () => {
    const { model } = await load(fixture);
    const saved = join(folder, 'saved');
    await mkdir(saved);
    await saveModel(saved, model);
    const again = await load(saved);
    expect([...again.model.weights]).toEqual([...model.weights]);
    expect(again.surplus).toEqual([]);
    expect(await baseFingerprint(saved)).toBe(await baseFingerprint(fixture));
    const stored = decodeModel(await readFile(join(saved, 'model.onnx')));
    for (const { name, rawData, externalData } of stored.graph.initializer) {
      if (!model.weights.has(name ?? '')) continue;
      expect(rawData).toBeUndefined();
      expect(externalData?.[0]).toEqual({ key: 'location', value: 'model.safetensors' });
    }
    const session = await ort.InferenceSession.create(join(saved, 'model.onnx'));
    expect(session.inputNames).toEqual(['input_ids', 'attention_mask', 'token_type_ids']);
    await session.release();
  });

  it.skipIf(process.platform !== 'linux')('is open no longer once it is closed', async () => {
    const saved = join(folder, 'saved');
    await mkdir(saved);
    await saveModel(saved, (await load(fixture)).model);
    const openFiles = async (): Promise<readonly string[]> => {
      const links = (await readdir('/proc/self/fd')).map((name) => readlink(`/proc/self/fd/${name}`));
      return (await Promise.all(links.map((link) => link.catch(() => '')))).filter((path) =>
        path.startsWith(folder),
      );
    };
    const model = requireGraphModel(await openModel(saved), String);
    await model.load({ task });
    await model.inputs(task);
    await model.linearLayers(task, ['a', 'b']);
    expect(await openFiles()).toEqual([join(saved, 'model.safetensors')]);
    await model.close();
    expect(await openFiles()).toEqual([]);
  });

  it('names outputs without configuration LABEL_0, LABEL_1, and takes names and lengths from config.json', async () => {
    const path = await changed((model) => model);
    expect((await load(path)).model.classes).toEqual(['LABEL_0', 'LABEL_1']);
    expect((await load(path)).model.config.inputs.maxLength).toBe(12);
    expect((await load(path)).model.config.inputs.vocabSize).toBe(12);
    const config = { id2label: { 0: 'cold', 1: 'warm' }, max_position_embeddings: 9, pad_token_id: 3 };
    await writeFile(join(folder, 'changed', 'config.json'), JSON.stringify(config));
    const { model } = await load(path);
    expect(model.classes).toEqual(['cold', 'warm']);
    expect(model.config.inputs).toMatchObject({ maxLength: 9, padTokenId: 3 });
  });
});

describe('external data', () => {
  const external = (location: string, length = 64): ((model: OnnxModel) => OnnxModel) => {
    return (model) =>
      withInitializers(model, (tensor) =>
        tensor.name === 'norm.weight'
          ? {
              ...{ name: tensor.name, dims: tensor.dims ?? [], dataType: 1, dataLocation: 1 },
              externalData: [
                { key: 'location', value: location },
                { key: 'offset', value: '4' },
                { key: 'length', value: String(length) },
              ],
            }
          : tensor,
      );
  };

  it('is read from a file beside the model, at its offset', async () => {
    const path = await changed(external('norm.bin'));
    const values = Float32Array.from({ length: 17 }, (_, at) => at);
    await writeFile(join(folder, 'changed', 'norm.bin'), new Uint8Array(values.buffer));
    const { model } = await load(path);
    expect([...(model.weights.get('norm.weight')?.data ?? [])]).toEqual([...values.slice(1)]);
  });

  it.each([
    ['missing.bin', 64, 'cannot be read'],
    ['../norm.bin', 64, 'external data must lie in a file beside the model, got ../norm.bin'],
    ['short.bin', 64, 'external data must lie within the 8 bytes of short.bin, got 4 and 64 more'],
  ])('of %s is refused', async (location, length, message) => {
    const path = await changed(external(location, length));
    await writeFile(join(folder, 'changed', 'short.bin'), new Uint8Array(8));
    await expect(load(path)).rejects.toThrow(message);
  });
});

describe('float16 initializers', () => {
  it('are widened, in the file that is written too', async () => {
    const path = await changed((model) =>
      withInitializers(model, (tensor) => {
        if (tensor.name !== 'norm.weight') return tensor;
        const bits = new Uint16Array(16);
        narrowToFloat16(
          Float32Array.from({ length: 16 }, (_, at) => at / 2),
          bits,
        );
        return { name: tensor.name, dims: [16], dataType: 10, rawData: new Uint8Array(bits.buffer) };
      }),
    );
    const { model } = await load(path);
    expect(model.weights.get('norm.weight')?.data[5]).toBe(2.5);
    const saved = join(folder, 'saved');
    await mkdir(saved);
    await saveModel(saved, model);
    await (await ort.InferenceSession.create(join(saved, 'model.onnx'))).release();
  });
});

describe('refuses', () => {
  it('what is no ONNX file', async () => {
    const path = join(folder, 'net.onnx');
    await writeFile(path, 'not an ONNX file');
    await expect(load(path)).rejects.toThrow('must be an ONNX file');
    await expect(load(join(folder, 'none.onnx'))).rejects.toThrow('cannot be read');
  });

  it.each(['__proto__', '__metadata__'])('a weight called %s', async (name) => {
    const [first] = decodeModel(await readFile(fixture)).graph.initializer;
    const path = await changed((model) => {
      const initializer = model.graph.initializer.map((own) =>
        own.name === first?.name ? { ...own, name } : own,
      );
      return { ...model, graph: { ...model.graph, initializer } };
    });
    await expect(load(path)).rejects.toThrow(`no initializer may be called ${name}`);
  });

  it('nodes that read what nothing gives, or one another in a cycle', async () => {
    const nodesOf = (change: (inputs: readonly string[], node: OnnxNode) => readonly string[]) =>
      changed((model) => {
        const node = model.graph.node.map((own) => ({ ...own, input: change(own.input, own) }));
        return { ...model, graph: { ...model.graph, node } };
      });
    const undefinedInput = await nodesOf((inputs) =>
      inputs.map((name) => (name === 'input_ids' ? 'ids' : name)),
    );
    await expect(load(undefinedInput)).rejects.toThrow(
      /node .* \(Shape\): input ids is computed nowhere before/,
    );
    const cycle = await nodesOf((inputs, { opType, output }) => (opType === 'Gather' ? output : inputs));
    await expect(load(cycle)).rejects.toThrow(/\(Gather\): input .* is computed nowhere before/);
  });

  it('old operators', async () => {
    const path = await changed((model) => ({ ...model, opsetImport: [{ version: 9 }] }));
    await expect(load(path)).rejects.toThrow('operators must be of version 11 or newer, got 9');
  });

  it('nodes with graphs of their own', async () => {
    const empty = { node: [], initializer: [], input: [], output: [] };
    const loop = await changed((model) => {
      const node = {
        name: 'again',
        opType: 'Loop',
        input: [],
        output: ['x'],
        attribute: [{ name: 'body', g: empty }],
      };
      return { ...model, graph: { ...model.graph, node: [...model.graph.node, node] } };
    }, 'loop');
    await expect(load(loop)).rejects.toThrow('node again (Loop) has a graph of its own');
  });

  it('inputs that are not known, and inputs of a fixed size', async () => {
    const renamed = await changed(({ graph, ...model }) => {
      const input = graph.input.map((own) => (own.name === 'input_ids' ? { ...own, name: 'pixels' } : own));
      const node = graph.node.map((own) => ({
        ...own,
        input: own.input.map((name) => (name === 'input_ids' ? 'pixels' : name)),
      }));
      return { ...model, graph: { ...graph, input, node } };
    }, 'renamed');
    await expect(load(renamed)).rejects.toThrow('inputs must be input_ids and perhaps');
    const fixed = await changed(({ graph, ...model }) => {
      const dim = [{ dimValue: 1 }, { dimValue: 128 }];
      const input = graph.input.map((own) => ({
        ...own,
        type: { tensorType: { elemType: 7, shape: { dim } } },
      }));
      return { ...model, graph: { ...graph, input } };
    }, 'fixed');
    await expect(load(fixed)).rejects.toThrow(
      'input_ids must be [batch, tokens] with any number of both, got [1, 128]',
    );
  });

  it('a task that the logits do not fit, and labels of another number', async () => {
    await expect(loadModel(fixture, { task: 'token-classification' })).rejects.toThrow(
      'onnx: has no head for token-classification here',
    );
    const classes = ['a', 'b', 'c'];
    await expect(loadModel(fixture, { task, classes })).rejects.toThrow('has 2 outputs, got 3 classes');
  });
});

describe('two graphs', () => {
  const graphOf = async (name: string, change: (model: OnnxModel) => OnnxModel): Promise<OnnxModel> => {
    const path = await changed(change, name);
    await writeFile(join(folder, name, 'model.onnx'), await readFile(path));
    return readGraph(join(folder, name));
  };

  it('are the same when only weights differ, and else differ in something that has a name', async () => {
    const base = await graphOf('base', (model) => model);
    const trained = await graphOf('trained', (model) =>
      withInitializers(model, (tensor) =>
        tensor.name === 'norm.weight' ? { ...tensor, rawData: new Uint8Array(64) } : tensor,
      ),
    );
    expect(graphDifference(base, trained)).toBeNull();
    const other = await graphOf('other', ({ graph, ...model }) => {
      const node = graph.node.map((own) => (own.opType === 'Tanh' ? { ...own, opType: 'Relu' } : own));
      return { ...model, graph: { ...graph, node } };
    });
    expect(graphDifference(base, other)).toMatch(/^node \/Tanh \(Tanh\) and node .*\(Relu\)$/);
  });
});
