import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStep, lossOf, trainingLoss } from '../../../agent/tensorflow/training-step.ts';
import { collate } from '../../../shared/examples/collate.ts';
import type { EncodedExample } from '../../../shared/examples/example.ts';
import { loadLayersModel } from '../../../shared/tensorflow/load-layers-model.ts';
import { weightsOf } from '../../../shared/tensorflow/network.ts';
import { quietContext } from '../../support/run-context.ts';
import '../../support/allclose.ts';
import { saveLayersModel } from '../../support/tiny-layers-model.ts';

const { layers } = tf;
const task = 'text-classification';
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-training-step-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Apply = tf.SymbolicTensor;
let count = 0;

/** A model of 7 tokens: Embedding, some layers, Dense; opened on the WASM backend. */
async function open(middle: (x: Apply) => tf.SymbolicTensor | tf.SymbolicTensor[], maskZero = false) {
  const path = await saveLayersModel(join(folder, `model-${count++}`), () => {
    const ids = tf.input({ shape: [7], dtype: 'int32' });
    const initializer = tf.initializers.randomNormal({ stddev: 0.5, seed: 1 });
    const words = layers.embedding({
      name: 'words',
      inputDim: 12,
      outputDim: 6,
      maskZero,
      embeddingsInitializer: initializer,
    });
    const head = layers.dense({ name: 'head', units: 2, kernelInitializer: initializer });
    return tf.model({ inputs: ids, outputs: head.apply(middle(words.apply(ids) as Apply)) as Apply });
  });
  const opened = await loadLayersModel(path, task, quietContext);
  expect(opened.network.tensorFlow.backend).toBe('wasm');
  const examples = [
    [1, 2, 3],
    [1, 2, 4, 5, 6],
    [7, 8, 9],
    [7, 8, 10, 11, 3],
  ].map(
    (ids, row): EncodedExample => ({
      inputIds: Int32Array.from(ids),
      tokenTypeIds: new Int32Array(ids.length),
      attentionMask: new Int32Array(ids.length).fill(1),
      labels: { kind: 'class', id: row < 2 ? 0 : 1 },
      wordPositions: null,
      source: { file: 'rows.jsonl', row: row + 1 },
    }),
  );
  const batch = collate(examples, [0, 1, 2, 3], opened.network.inputs, task);
  const trained = [...opened.network.variables].filter(([name]) => opened.network.trainable.has(name));
  return { opened, batch, trained };
}

const mean = (x: unknown): Apply => layers.globalAveragePooling1d().apply(x as Apply) as Apply;
const recurrent = { units: 4, recurrentInitializer: 'glorotUniform', seed: 1 } as const;

const middles: [string, (x: Apply) => Apply | Apply[]][] = [
  ['LSTM', (x) => layers.lstm(recurrent).apply(x) as Apply],
  ['GRU', (x) => layers.gru(recurrent).apply(x) as Apply],
  [
    'Bidirectional',
    (x) =>
      layers.bidirectional({ layer: layers.lstm(recurrent) as never, mergeMode: 'concat' }).apply(x) as Apply,
  ],
  [
    'Conv1D and GlobalMaxPooling1D',
    (x) =>
      layers
        .globalMaxPooling1d()
        .apply(layers.conv1d({ filters: 4, kernelSize: 3, activation: 'relu' }).apply(x) as Apply) as Apply,
  ],
  ['BatchNormalization', (x) => mean(layers.batchNormalization({ momentum: 0.5 }).apply(x))],
  ['LayerNormalization', (x) => mean(layers.layerNormalization().apply(x))],
  ['Dropout', (x) => mean(layers.dropout({ rate: 0.1, seed: 1 }).apply(x))],
  ['SpatialDropout1D', (x) => mean(layers.spatialDropout1d({ rate: 0.1, seed: 1 }).apply(x))],
  [
    'TimeDistributed',
    (x) => mean(layers.timeDistributed({ layer: layers.dense({ units: 4, activation: 'tanh' }) }).apply(x)),
  ],
];

describe('a training step on the WASM backend', () => {
  it.each(middles)('lowers the loss of a model with %s', async (_, middle) => {
    for (const maskZero of [false, true]) {
      const { opened, batch, trained } = await open(middle, maskZero);
      const step = createStep(opened, trained, 0);
      const losses = Array.from({ length: 30 }, () => step.run(batch, 0.03));
      expect(losses.at(-1), `maskZero ${maskZero}`).toBeLessThan(0.6 * (losses[0] ?? 0));
    }
  });

  it.each(middles.filter(([name]) => !name.includes('Dropout')))(
    'has the gradients that plain JavaScript computes for %s',
    async (_, middle) => {
      const { opened, batch, trained } = await open(middle);
      const { core } = opened.network.tensorFlow;
      const gradients = () => {
        const { grads } = core.variableGrads(
          () => lossOf(opened.network, task, batch),
          trained.map(([, variable]) => variable),
        );
        return Object.entries(grads).map(([name, tensor]) => ({
          name,
          shape: tensor.shape,
          data: Float32Array.from(tensor.dataSync()),
        }));
      };
      const fast = gradients();
      await core.setBackend('cpu');
      const plain = gradients();
      await core.setBackend('wasm');
      expect(fast.map(({ name }) => name)).toEqual(plain.map(({ name }) => name));
      for (const [at, expected] of plain.entries()) {
        const actual = fast[at] ?? { shape: [], data: [] };
        expect(actual).toBeAllclose(expected, { rtol: 1e-4, atol: 1e-6, name: expected.name });
      }
    },
  );

  it("moves BatchNormalization's averages towards the batch, and leaves them to no optimizer", async () => {
    const { opened, batch, trained } = await open((x) =>
      mean(layers.batchNormalization({ name: 'norm', momentum: 0.75 }).apply(x)),
    );
    const { network } = opened;
    expect(trained.map(([name]) => name)).not.toContain('norm/moving_mean');
    const table = weightsOf(network).get('words/embeddings')?.data ?? [];
    const ids = [0, 1, 2, 3].flatMap((row) =>
      Array.from(
        { length: 7 },
        (_, at) => (at < batch.seqLength ? batch.inputIds[row * batch.seqLength + at] : 0) ?? 0,
      ),
    );
    const before = weightsOf(network);
    createStep(opened, trained, 0).run(batch, 0);
    const after = weightsOf(network);
    for (let feature = 0; feature < 6; feature++) {
      const column = ids.map((id) => table[id * 6 + feature] ?? 0);
      const average = column.reduce((sum, x) => sum + x, 0) / column.length;
      const variance = column.reduce((sum, x) => sum + (x - average) ** 2, 0) / column.length;
      expect(after.get('norm/moving_mean')?.data[feature]).toBeCloseTo(0.25 * average, 5);
      expect(after.get('norm/moving_variance')?.data[feature]).toBeCloseTo(0.75 + 0.25 * variance, 5);
    }
    expect(after.get('norm/gamma')).toEqual(before.get('norm/gamma'));
  });

  it('decays kernels, not the weights of normalisation layers', async () => {
    const { opened, batch, trained } = await open((x) =>
      mean(layers.layerNormalization({ name: 'norm' }).apply(x)),
    );
    const before = weightsOf(opened.network);
    // Adam's own part is as small as 1e-3; decay takes half of what it applies to.
    createStep(opened, trained, 500).run(batch, 0.001);
    const after = weightsOf(opened.network);
    const ratio = (name: string) => (after.get(name)?.data[0] ?? 0) / (before.get(name)?.data[0] ?? 0);
    expect(ratio('head/kernel')).toBeCloseTo(0.5, 1);
    expect(ratio('norm/gamma')).toBeCloseTo(1, 1);
  });

  it("adds the penalties of the model's regularizers to the loss", async () => {
    const regularized = { name: 'inner', units: 3, kernelRegularizer: tf.regularizers.l2({ l2: 0.5 }) };
    const { opened, batch } = await open((x) => layers.dense(regularized).apply(mean(x)) as Apply);
    const { network } = opened;
    const kernel = weightsOf(network).get('inner/kernel')?.data ?? new Float32Array(0);
    const penalty = 0.5 * kernel.reduce((sum, weight) => sum + weight * weight, 0);
    const value = (loss: typeof lossOf): number => loss(network, task, batch).dataSync()[0] ?? Number.NaN;
    expect(penalty).toBeGreaterThan(0.1);
    expect(value(trainingLoss) - value(lossOf)).toBeCloseTo(penalty, 5);
  });

  it('is refused where TensorFlow.js has no gradient, naming what lacks', async () => {
    const masked = await open((x) => mean(layers.masking({ maskValue: 0 }).apply(x)));
    expect(() => createStep(masked.opened, masked.trained, 0).run(masked.batch, 0.1)).toThrow(
      'TensorFlow.js cannot train this model: Cannot compute gradient: gradient function not found for Any',
    );
    const halved = await open((x) =>
      mean(layers.batchNormalization({ name: 'norm', scale: false }).apply(x)),
    );
    expect(() => createStep(halved.opened, halved.trained, 0)).toThrow(
      'the BatchNormalization layer norm must have scale and center',
    );
  });
});
