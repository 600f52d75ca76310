import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as layers from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectLayersGrams } from '../../../agent/tensorflow/collect-grams.ts';
import type { EncodedExample } from '../../../shared/examples/example.ts';
import { createLayersPredictor } from '../../../shared/inference/layers-predictor.ts';
import { type LoadedLayersModel, loadLayersModel } from '../../../shared/tensorflow/load-layers-model.ts';
import { runOn } from '../../../shared/tensorflow/readable.ts';
import { quietContext } from '../../support/run-context.ts';
import { saveLayersModel } from '../../support/tiny-layers-model.ts';

const { layers: make } = layers;
type Symbolic = layers.SymbolicTensor;
const task = 'text-classification';
let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-readable-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Embedding, a convolution of five tokens at a stride of two, a pooling of two, mean, Dense. */
function convolutional(padding: 'valid' | 'same', withMask = false): layers.LayersModel {
  const ids = layers.input({ shape: [null], dtype: 'int32', name: 'ids' });
  const mask = layers.input({ shape: [null], dtype: 'int32', name: 'attention_mask' });
  const words = make.embedding({ name: 'words', inputDim: 12, outputDim: 4 }).apply(ids) as Symbolic;
  const kept = make.embedding({ name: 'kept', inputDim: 2, outputDim: 4 }).apply(mask) as Symbolic;
  const read = withMask ? make.multiply({}).apply([words, kept]) : words;
  const conv = make.conv1d({ name: 'conv', filters: 4, kernelSize: 5, strides: 2, padding }).apply(read);
  const pooled = make.maxPooling1d({ poolSize: 2, strides: 2, padding: 'valid' }).apply(conv);
  const mean = make.globalAveragePooling1d({}).apply(pooled);
  const output = make.dense({ name: 'head', units: 2 }).apply(mean) as Symbolic;
  return layers.model({ inputs: withMask ? [ids, mask] : ids, outputs: output });
}

const sequential = (): layers.LayersModel =>
  layers.sequential({
    layers: [
      make.embedding({
        name: 'words',
        inputDim: 12,
        outputDim: 4,
        inputShape: [null] as unknown as number[],
      }),
      make.conv1d({ name: 'conv', filters: 4, kernelSize: 3, dilationRate: 2 }),
      make.globalMaxPooling1d({}),
      make.dense({ name: 'head', units: 2 }),
    ],
  });

/** The Sequential as a layer of a model. */
function inside(): layers.LayersModel {
  const ids = layers.input({ shape: [null], dtype: 'int32', name: 'ids' });
  return layers.model({ inputs: ids, outputs: sequential().apply(ids) as Symbolic });
}

const open = async (build: () => layers.LayersModel): Promise<LoadedLayersModel> =>
  loadLayersModel(await saveLayersModel(join(folder, `model-${count++}`), build), task, quietContext);

function example(length: number, row: number, id = 3): EncodedExample {
  const inputIds = new Int32Array(length).fill(id);
  return {
    ...{ inputIds, tokenTypeIds: new Int32Array(length), attentionMask: new Int32Array(length).fill(1) },
    ...{ labels: null, wordPositions: null, source: { file: 'rows.jsonl', row } },
  };
}

describe('rows that a LayersModel cannot read', () => {
  it('are too short for its convolutions and poolings: named before anything runs', async () => {
    const { network } = await open(() => convolutional('valid'));
    expect(network.shortest).toBe(7);
    const predictor = createLayersPredictor(network, task);
    await expect(
      predictor.predict([example(7, 1), example(6, 2)], { batchSize: 2 }, quietContext),
    ).rejects.toMatchObject({
      code: 'invalid-input',
      message: "rows.jsonl, row 2: must have at least 7 tokens for the model's convolutions, has 6",
      hint: expect.stringContaining("padding 'same'"),
    });
    const options = { batches: 10, batchSize: 2, seed: 1 };
    await expect(collectLayersGrams(network, task, [example(2, 1)], options, quietContext)).rejects.toThrow(
      'row 1: must have',
    );
    expect(
      (await predictor.predict([example(7, 1)], { batchSize: 1 }, quietContext))[0]?.every(Number.isFinite),
    ).toBe(true);
    expect((await open(sequential)).network.shortest).toBe(5);
    expect((await open(inside)).network.shortest).toBe(5);
    expect((await open(() => convolutional('same'))).network.shortest).toBe(3);
  });

  it('are filled up where a mask tells what padding is', async () => {
    const { network } = await open(() => convolutional('valid', true));
    const [logits] = await createLayersPredictor(network, task).predict(
      [example(2, 1)],
      { batchSize: 1 },
      quietContext,
    );
    expect(logits?.every(Number.isFinite)).toBe(true);
  });

  it('have tokens that its embedding has no row for', async () => {
    const { network } = await open(() => convolutional('valid'));
    const predictor = createLayersPredictor(network, task);
    await expect(
      predictor.predict([example(8, 1), example(8, 2, 12)], { batchSize: 2 }, quietContext),
    ).rejects.toMatchObject({
      message: "rows.jsonl, row 2: token ids must be below 12, the rows of the model's embedding, got 12",
      hint: 'does tokenizer.json belong to this model?',
    });
  });

  it('are named when TensorFlow.js fails on them all the same', () => {
    const fail = (): never => {
      throw new Error('memory access out of bounds');
    };
    expect(() => runOn([example(4, 1), example(5, 2)], [1], fail)).toThrow(
      'rows.jsonl, row 2: TensorFlow.js cannot run the model on its batch (5 tokens): memory access out of bounds',
    );
  });
});
