import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectLayersGrams } from '../../../agent/tensorflow/collect-grams.ts';
import { unpackSymmetric } from '../../../shared/contribution/gram-packing.ts';
import type { EncodedExample } from '../../../shared/examples/example.ts';
import { createLayersPredictor } from '../../../shared/inference/layers-predictor.ts';
import type { StateDict } from '../../../shared/tensor.ts';
import { openLayersModel, writeLayersModel } from '../../../shared/tensorflow/layers-model.ts';
import { loadLayersModel } from '../../../shared/tensorflow/load-layers-model.ts';
import { weightsOf } from '../../../shared/tensorflow/network.ts';
import { quietContext } from '../../support/run-context.ts';
import '../../support/allclose.ts';
import { saveLayersModel } from '../../support/tiny-layers-model.ts';

const { layers } = tf;
const task = 'token-classification';
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-inner-layers-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
const write = (build: () => tf.LayersModel): Promise<string> =>
  saveLayersModel(join(folder, `model-${count++}`), build);

type Apply = tf.SymbolicTensor;
type Layer = tf.layers.Layer;
const random = (seed: number) => tf.initializers.randomNormal({ mean: 0, stddev: 0.5, seed });
const dense = (
  name: string,
  units: number,
  seed: number,
  inputShape?: number[],
  activation: 'tanh' | 'softmax' | 'linear' = 'tanh',
) =>
  layers.dense({
    name,
    units,
    activation,
    kernelInitializer: random(seed),
    biasInitializer: random(seed + 1),
    ...(inputShape === undefined ? {} : { inputShape }),
  });

/**
 * Every layer works on tokens by themselves, so that rows are easy to compute: a block used twice,
 * then four readers of one activation.
 */
function buildTagger(length: number | null, inner = 'inner', deep = 'deep'): tf.LayersModel {
  const hidden = tf.input({ shape: [length, 6] });
  const stack = tf.sequential({ name: 'stack', layers: [dense(deep, 6, 3, [length as number, 6])] });
  const block = tf.model({
    name: 'block',
    inputs: hidden,
    outputs: stack.apply(dense(inner, 6, 5).apply(hidden)) as Apply,
  });
  const position = tf.input({ shape: [6] });
  const first = dense('first', 6, 7);
  const twice = first.apply(first.apply(position));
  const pair = tf.model({ inputs: position, outputs: dense('second', 3, 9).apply(twice) as Apply });
  const ids = tf.input({ shape: [length], dtype: 'int32', name: 'ids' });
  const words = layers.embedding({
    name: 'words',
    inputDim: 12,
    outputDim: 6,
    embeddingsInitializer: random(1),
  });
  const x = block.apply(block.apply(words.apply(ids))) as Apply;
  const sum = layers
    .add()
    .apply([
      layers.timeDistributed({ name: 'tags', layer: dense('unused', 3, 11) }).apply(x) as Apply,
      dense('twin', 3, 13).apply(x) as Apply,
      layers.timeDistributed({ name: 'pairs', layer: pair }).apply(x) as Apply,
    ]);
  return tf.model({ inputs: ids, outputs: dense('head', 2, 15).apply(sum) as Apply });
}

const sentences = [
  [1, 2, 3, 4],
  [5, 6],
  [7, 8, 9, 10, 11, 1, 2],
  [3, 4, 5, 6],
];
const examples: readonly EncodedExample[] = sentences.map((ids, row) => ({
  inputIds: Int32Array.from(ids),
  tokenTypeIds: new Int32Array(ids.length),
  attentionMask: new Int32Array(ids.length).fill(1),
  labels: null,
  wordPositions: null,
  source: { file: 'rows.jsonl', row: row + 1 },
}));
const tokens = sentences.flat().length;

/** What each Dense layer reads, and what the model says, token by token. */
function rowsByModule(weights: StateDict): Map<string, number[][]> {
  const rows = new Map<string, number[][]>();
  const value = (name: string, at: number): number => weights.get(name)?.data[at] ?? Number.NaN;
  const run = (module: string, x: number[]): number[] => {
    rows.set(module, [...(rows.get(module) ?? []), x]);
    const units = weights.get(`${module}/bias`)?.shape[0] ?? 0;
    return Array.from({ length: units }, (_, unit) =>
      Math.tanh(
        x.reduce((sum, own, at) => sum + own * value(`${module}/kernel`, at * units + unit), 0) +
          value(`${module}/bias`, unit),
      ),
    );
  };
  const block = (x: number[]): number[] => run('deep', run('inner', x));
  for (const id of sentences.flat()) {
    const x = block(block(Array.from({ length: 6 }, (_, at) => value('words/embeddings', id * 6 + at))));
    const parts = [run('tags', x), run('twin', x), run('second', run('first', run('first', x)))];
    const sum = [0, 1, 2].map((at) => parts.reduce((total, part) => total + (part[at] ?? 0), 0));
    rows.set('logits', [...(rows.get('logits') ?? []), run('head', sum)]);
  }
  return rows;
}

function gramOf(rows: readonly number[][]): { shape: number[]; data: Float64Array } {
  const dimension = rows[0]?.length ?? 0;
  const data = Float64Array.from({ length: dimension ** 2 }, (_, at) =>
    rows.reduce((sum, row) => sum + (row[Math.floor(at / dimension)] ?? 0) * (row[at % dimension] ?? 0), 0),
  );
  return { shape: [dimension, dimension], data };
}

const names = ['inner', 'deep', 'tags', 'twin', 'first', 'second', 'head'];

describe('Dense layers inside of models and TimeDistributed', () => {
  it.each([
    ['of any length', null],
    ['of a fixed length', 9],
  ])('have Grams of the tokens of all their uses in a model %s', async (_, length) => {
    const { network } = await loadLayersModel(await write(() => buildTagger(length)), task, quietContext);
    const {
      grams,
      layers: groups,
      weights,
    } = await collectLayersGrams(
      network,
      task,
      examples,
      {
        batches: 10,
        batchSize: 2,
        seed: 1,
      },
      quietContext,
    );
    expect([...weights.keys()].sort()).toEqual([...names].sort());
    expect(weights.get('tags')).toEqual({ parameter: 'tags/kernel', orientation: 'in-out' });
    const together = [...groups]
      .filter(([, group]) => group === groups.get('tags'))
      .map(([module]) => module);
    expect(together.sort()).toEqual(['tags', 'twin']);
    const expected = rowsByModule(weightsOf(network));
    for (const name of names) {
      const gram = grams.find((own) => own.name === groups.get(name));
      const rows = expected.get(name) ?? [];
      expect({ name, rows: gram?.rows }).toEqual({ name, rows: rows.length });
      const { shape, data } = gramOf(rows);
      const actual = unpackSymmetric(gram?.packed ?? new Float32Array(), shape[0] ?? 0);
      expect({ shape, data: actual }).toBeAllclose({ shape, data }, { rtol: 1e-4, name: `Gram of ${name}` });
    }
    expect(expected.get('inner')).toHaveLength(2 * tokens);
  });

  it('have Grams over padding too where it is to be included', async () => {
    const { network } = await loadLayersModel(await write(() => buildTagger(9)), task, quietContext);
    const options = { batches: 10, batchSize: 2, seed: 1, padding: 'included' } as const;
    const { grams } = await collectLayersGrams(network, task, examples, options, quietContext);
    for (const { name, rows } of grams) {
      expect({ name, rows }).toEqual({
        name,
        rows: (['inner', 'deep', 'first'].includes(name) ? 2 : 1) * 9 * 4,
      });
    }
  });

  it('have Grams of tokens where a token has several rows', async () => {
    const path = await write(() => {
      const ids = tf.input({ shape: [9], dtype: 'int32' });
      const words = layers.embedding({ inputDim: 12, outputDim: 6, embeddingsInitializer: random(1) });
      const halves = layers.reshape({ targetShape: [9, 2, 3] }).apply(words.apply(ids)) as Apply;
      const deep = layers.timeDistributed({ layer: dense('unused', 3, 3) });
      const inside = layers.timeDistributed({ name: 'inside', layer: deep }).apply(halves) as Apply;
      const both = layers.add().apply([inside, dense('beside', 3, 5).apply(halves) as Apply]);
      const whole = layers.reshape({ targetShape: [9, 6] }).apply(both);
      return tf.model({ inputs: ids, outputs: dense('head', 2, 7).apply(whole) as Apply });
    });
    const { network } = await loadLayersModel(path, task, quietContext);
    const options = { batches: 10, batchSize: 2, seed: 1 };
    const { grams } = await collectLayersGrams(network, task, examples, options, quietContext);
    const [inside, beside] = ['inside', 'beside'].map((name) => grams.find((gram) => gram.name === name));
    expect(inside?.rows).toBe(2 * tokens);
    expect([...(inside?.packed ?? [])]).toEqual([...(beside?.packed ?? [])]);
  });

  it('are saved and read again, by TensorFlow.js from model.json and weights.bin too', async () => {
    const { file, network } = await loadLayersModel(await write(() => buildTagger(null)), task, quietContext);
    const weights = new Map(
      [...weightsOf(network)].map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map((value) => value / 2) },
      ]),
    );
    const out = join(folder, 'out');
    await mkdir(out);
    await writeLayersModel(out, file.json, weights);
    expect((await openLayersModel(out)).weights).toEqual(weights);
    const again = await loadLayersModel(out, task, quietContext);
    expect(weightsOf(again.network)).toEqual(weights);
    const logits = await createLayersPredictor(again.network, task).predict(
      examples,
      { batchSize: 2 },
      quietContext,
    );
    const expected = rowsByModule(weights).get('logits')?.flat() ?? [];
    for (const [at, logit] of logits.flatMap((own) => [...own]).entries()) {
      expect(logit).toBeCloseTo(expected[at] ?? Number.NaN, 4);
    }

    const json = JSON.parse(await readFile(join(out, 'model.json'), 'utf8'));
    const bytes = Uint8Array.from(await readFile(join(out, 'weights.bin')));
    const plain = await tf.loadLayersModel({
      load: async () => ({
        modelTopology: json.modelTopology,
        weightSpecs: json.weightsManifest[0].weights,
        weightData: bytes.buffer,
      }),
    });
    for (const weight of plain.weights) {
      expect(weight.read().dataSync(), weight.originalName).toEqual(weights.get(weight.originalName)?.data);
    }
    expect(plain.weights).toHaveLength(weights.size);
  });

  it('are refused when two of them have one name, naming the layer', async () => {
    const path = await write(() => buildTagger(null, 'twin'));
    await expect(loadLayersModel(path, task, quietContext)).rejects.toMatchObject({
      message: expect.stringContaining('weight names must be unique, two are twin/kernel'),
      hint: expect.stringContaining('have a layer twin'),
    });
  });

  const anyRows = [null as unknown as number, 6];
  const end = (activation: 'softmax' | 'linear', inputShape?: number[]) =>
    dense('end', 2, 1, inputShape, activation);
  it.each<[string, (activation: 'softmax' | 'linear') => Layer]>([
    ['in a nested model', (activation) => tf.sequential({ layers: [end(activation, anyRows)] })],
    ['in TimeDistributed', (activation) => layers.timeDistributed({ layer: end(activation) })],
    [
      'as a layer',
      (activation) => {
        const last = activation === 'softmax' ? [layers.softmax({ axis: 2 })] : [];
        return tf.sequential({ layers: [end('linear', anyRows), ...last] });
      },
    ],
  ])('give logits when the last of them has softmax, %s', async (_, last) => {
    const logitsOf = async (activation: 'softmax' | 'linear') => {
      const path = await write(() => {
        const ids = tf.input({ shape: [null], dtype: 'int32' });
        const words = layers.embedding({ inputDim: 12, outputDim: 6, embeddingsInitializer: random(1) });
        return tf.model({ inputs: ids, outputs: last(activation).apply(words.apply(ids)) as Apply });
      });
      const { network } = await loadLayersModel(path, task, quietContext);
      return createLayersPredictor(network, task).predict(examples, { batchSize: 2 }, quietContext);
    };
    const plain = await logitsOf('linear');
    const gap = (logits: ArrayLike<number> | undefined) => (logits?.[0] ?? 0) - (logits?.[1] ?? 0);
    for (const [at, logits] of (await logitsOf('softmax')).entries()) {
      expect(gap(logits)).toBeCloseTo(gap(plain[at]), 4);
    }
  });

  it('stand beside recurrent layers, which may be inside too, under the names of the file', async () => {
    const path = await write(() => {
      const ids = tf.input({ shape: [null], dtype: 'int32' });
      const x = layers.embedding({ name: 'words', inputDim: 12, outputDim: 6 }).apply(ids) as Apply;
      const lstm = layers.lstm({
        name: 'lstm',
        units: 4,
        returnSequences: true,
        inputShape: [null as never, 6],
        recurrentInitializer: 'zeros',
      });
      const inside = tf.sequential({ layers: [lstm] }).apply(x) as Apply;
      return tf.model({
        inputs: ids,
        outputs: layers.dense({ name: 'head', units: 2 }).apply(inside) as Apply,
      });
    });
    // As Keras writes it.
    const json = (await readFile(join(path, 'model.json'), 'utf8'))
      .replaceAll('"lstm/', '"lstm/lstm_cell/')
      .replace(
        /"recurrent_initializer":\{[^}]*\{\}\}/,
        '"recurrent_initializer":{"class_name":"Orthogonal","config":{}}',
      );
    expect(json).toContain('Orthogonal');
    await writeFile(join(path, 'model.json'), json);
    const { network, file } = await loadLayersModel(path, task, quietContext);
    expect([...network.variables.keys()]).toEqual([...file.weights.keys()]);
    expect([...network.trainable].sort()).toEqual([...file.weights.keys()].sort());
    expect(network.variables.has('lstm/lstm_cell/recurrent_kernel')).toBe(true);
    expect(weightsOf(network)).toEqual(file.weights);
  });
});
