import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateModels } from '../../../../agent/inference/evaluate-models.ts';
import { runTraining } from '../../../../agent/training/run-training.ts';
import { type TrainingOptions, trainingDefaults } from '../../../../agent/training/training-options.ts';
import { readTrainingRecord } from '../../../../shared/contribution/training-record.ts';
import { loadModel } from '../../../../shared/formats/load-model.ts';
import type { TaskKind } from '../../../../shared/task.ts';
import { quietContext } from '../../../support/run-context.ts';
import {
  changeWeights,
  readWeights,
  toyRows,
  writeRows,
  writeTinyBase,
} from '../../../support/tiny-model.ts';

let folder: string;
let base: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-training-'));
  base = await writeTinyBase(join(folder, 'base'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Options for toy data of a task, into a new folder. */
async function toyOptions(task: TaskKind, changes: Partial<TrainingOptions> = {}): Promise<TrainingOptions> {
  const train = await writeRows(join(folder, `${task}-train.jsonl`), toyRows(task, 160, 1));
  const dev = await writeRows(join(folder, `${task}-dev.jsonl`), toyRows(task, 80, 2));
  return {
    ...trainingDefaults,
    model: base,
    task,
    trainFiles: [train],
    devFiles: [dev],
    out: join(folder, `out-${count++}`),
    epochs: 12,
    learningRate: 5e-3,
    freeze: [],
    ...changes,
  };
}

/** A short training: what counts is its bytes. */
function shortOptions(changes: Partial<TrainingOptions> = {}): Promise<TrainingOptions> {
  return toyOptions('text-classification', { epochs: 1, devFiles: [], ...changes });
}

async function train(options: TrainingOptions): Promise<Buffer> {
  await runTraining(options, quietContext);
  return readFile(join(options.out, 'model.safetensors'));
}

describe('runTraining', () => {
  it.each([
    ['text-classification', 'accuracy', 0.9],
    ['multi-label-classification', 'macroF1', 0.85],
    ['regression', 'pearson', 0.85],
    ['token-classification', 'accuracy', 0.95],
  ] as const)('learns %s', async (task, metric, enough) => {
    const options = await toyOptions(task);
    const result = await runTraining(options, quietContext);
    expect(result.metrics[metric]).toBeGreaterThan(enough);
    const [score] = await evaluateModels(
      {
        models: [options.out],
        task,
        dataFiles: options.devFiles,
        ensemble: false,
        batchSize: 7,
      },
      quietContext,
    );
    expect(score?.main).toBe(metric);
    expect(score?.metrics[metric]).toBeCloseTo(result.metrics[metric] ?? Number.NaN, 5);
  });

  it('writes a model folder and how it was made, and no state of the training', async () => {
    const options = await toyOptions('token-classification', { epochs: 2 });
    const result = await runTraining(options, quietContext);
    expect((await readdir(options.out)).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'training.json',
    ]);
    expect(await readTrainingRecord(options.out)).toMatchObject({
      task: 'token-classification',
      labels: ['cold', 'edge', 'warm'],
      seenLabels: ['cold', 'edge', 'warm'],
      baseFingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      seed: 42,
      headSeed: 42,
      examples: 160,
      epochs: 2,
      metrics: result.metrics,
    });
    expect(result.newParameters).toEqual(['classifier.weight', 'classifier.bias']);
    const { model } = await loadModel(options.out, { task: 'token-classification' });
    expect(model.classes).toEqual(['cold', 'edge', 'warm']);
  });

  it('keeps each class its row of a head that the base has, whatever order the data would give them', async () => {
    const trained = await toyOptions('text-classification', { labels: ['warm', 'cold'] });
    await runTraining(trained, quietContext);
    const still = { model: trained.out, learningRate: 1e-9 };
    const again = await shortOptions(still);
    const result = await runTraining(again, quietContext);
    expect(result.labels).toEqual(['warm', 'cold']);
    const data = { task: 'text-classification', dataFiles: trained.devFiles, batchSize: 16 } as const;
    const scores = await evaluateModels(
      { ...data, models: [trained.out, again.out], ensemble: false },
      quietContext,
    );
    expect(scores[1]?.metrics).toEqual(scores[0]?.metrics);
    await expect(
      runTraining(await shortOptions({ ...still, labels: ['cold', 'warm'] }), quietContext),
    ).rejects.toThrow(
      `--labels: must stand in the order of the head of ${trained.out}: warm,cold, got cold,warm`,
    );
  });

  it('says which of the labels it was given occur in its data', async () => {
    const labels = ['tepid', 'warm', 'hot', 'cold'];
    const options = await shortOptions({ labels });
    await runTraining(options, quietContext);
    const record = await readTrainingRecord(options.out);
    expect(record.labels).toEqual(labels);
    expect(record.seenLabels).toEqual(['warm', 'cold']);
  });

  it('keeps the best epoch on the dev files, not the last', async () => {
    // The dev files call warm what the training files call cold, so every epoch makes the model
    // worse on them.
    const swapped = toyRows('token-classification', 80, 2).map((row) => ({
      ...row,
      tags: row.tags?.map((tag) => ({ warm: 'cold', cold: 'warm' })[tag] ?? tag),
    }));
    const dev = await writeRows(join(folder, 'swapped.jsonl'), swapped);
    const options = await toyOptions('token-classification', { devFiles: [dev], epochs: 5 });
    const accuracyOf = async (model: string): Promise<number> => {
      const [score] = await evaluateModels(
        {
          models: [model],
          task: 'token-classification',
          dataFiles: [dev],
          ensemble: false,
          batchSize: 32,
        },
        quietContext,
      );
      return score?.metrics.accuracy ?? Number.NaN;
    };
    const best = await runTraining(options, quietContext);
    expect(best.epoch).toBeLessThan(5);
    expect(await accuracyOf(options.out)).toBeCloseTo(best.metrics.accuracy ?? Number.NaN, 5);

    const last = { ...options, out: join(folder, `out-${count++}`), devFiles: [] };
    expect((await runTraining(last, quietContext)).epoch).toBe(5);
    expect(await accuracyOf(last.out)).toBeLessThan((best.metrics.accuracy ?? 0) - 0.1);
  });

  it('gives the same bytes for the same seed, others for another', async () => {
    const first = await train(await shortOptions());
    expect((await train(await shortOptions())).equals(first)).toBe(true);
    expect((await train(await shortOptions({ seed: 43 }))).equals(first)).toBe(false);
  });

  it('begins with the head of the head seed, whatever the seed', async () => {
    const headOf = async (changes: Partial<TrainingOptions>): Promise<number[]> => {
      const options = await shortOptions({ learningRate: 1e-30, ...changes });
      await runTraining(options, quietContext);
      return [...((await readWeights(options.out)).get('classifier.weight')?.data ?? [])];
    };
    const head = await headOf({});
    expect(new Set(head).size).toBe(32);
    expect(await headOf({ seed: 1 })).toEqual(head);
    expect(await headOf({ headSeed: 1 })).not.toEqual(head);
  });

  it('leaves frozen parameters as they are in the base, bit for bit, and trains all others', async () => {
    const options = await shortOptions({ freeze: [/embeddings/, /layer\.0\.output/] });
    await runTraining(options, quietContext);
    const [before, after] = [await readWeights(base), await readWeights(options.out)];
    const unchanged = [...before]
      .filter(([name, { data }]) => after.get(name)?.data.every((value, at) => Object.is(value, data[at])))
      .map(([name]) => name);
    const encoder = [...before.keys()].filter((name) => name.startsWith('bert.'));
    expect(unchanged).toEqual(encoder.filter((name) => /embeddings|layer\.0\.output/.test(name)));
  });

  it('refuses to freeze every parameter', async () => {
    await expect(runTraining(await shortOptions({ freeze: [/./] }), quietContext)).rejects.toThrow(
      '--freeze: at least one parameter must be trained',
    );
  });

  it('refuses a folder that holds something, and a base without its parameters, and leaves no folder behind', async () => {
    const finished = await shortOptions();
    await mkdir(finished.out);
    await writeRows(join(finished.out, 'mine.txt'), []);
    await expect(runTraining(finished, quietContext)).rejects.toThrow(
      `${finished.out}: must be a new or empty folder, or an unfinished training`,
    );

    const broken = await writeTinyBase(join(folder, 'broken'));
    await changeWeights(broken, (name, tensor) => {
      if (name === 'bert.embeddings.LayerNorm.bias') return null;
      return name.endsWith('query.weight') ? { shape: [8, 32], data: tensor.data } : tensor;
    });
    const options = await shortOptions({ model: broken });
    await expect(runTraining(options, quietContext)).rejects.toMatchObject({
      code: 'invalid-input',
      message:
        `${broken}: weights must fit config.json and be finite: bert.embeddings.LayerNorm.bias [16] is missing; ` +
        'bert.encoder.layer.0.attention.self.query.weight must be [16, 16], got [8, 32]',
    });
    await expect(readdir(options.out)).rejects.toThrow('ENOENT');
  });

  it('names the parameter of the base that is not a number', async () => {
    const broken = await writeTinyBase(join(folder, 'nan'));
    await changeWeights(broken, (name, tensor) => {
      if (name === 'bert.encoder.layer.0.output.dense.bias') tensor.data[3] = Number.NaN;
      return tensor;
    });
    await expect(runTraining(await shortOptions({ model: broken }), quietContext)).rejects.toThrow(
      `${broken}: weights must fit config.json and be finite: ` +
        'bert.encoder.layer.0.output.dense.bias must be finite, got NaN at element 3',
    );
  });

  it('names a batch whose loss is not finite', async () => {
    const options = await toyOptions('regression', { epochs: 1 });
    const huge = await writeRows(join(folder, 'huge.jsonl'), [{ input_ids: [2, 5, 3], label: 1e30 }]);
    await expect(runTraining({ ...options, trainFiles: [huge] }, quietContext)).rejects.toMatchObject({
      code: 'numerical',
      message: `training: the loss is not finite at step 1 (batch with ${huge}, row 1)`,
    });
  });
});
