import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateModels, formatScores } from '../../../../agent/inference/evaluate-models.ts';
import { predictFile } from '../../../../agent/inference/predict-file.ts';
import { createModel, saveModel } from '../../../../shared/models/model-folder.ts';
import type { TaskKind } from '../../../../shared/task.ts';
import { tinyConfig, toyRows, writeRows } from '../../../support/tiny-model.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-evaluate-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function writeModel(
  name: string,
  task: TaskKind,
  labels: readonly string[],
  seed: number,
): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await saveModel(path, createModel(tinyConfig, task, labels, seed));
  return path;
}

const dataOf = (name: string, task: TaskKind, seed: number): Promise<string> =>
  writeRows(join(folder, name), toyRows(task, 10, seed));

async function predictions(model: string, task: TaskKind, file: string): Promise<number[][]> {
  const out = join(folder, 'predictions', 'new', 'rows.jsonl');
  await predictFile({ model, task, dataFiles: [file], out, batchSize: 3, threads: 1 });
  const lines = (await readFile(out, 'utf8')).trimEnd().split('\n');
  return lines.map((line) => (JSON.parse(line) as { logits: number[] }).logits);
}

describe('evaluateModels', () => {
  it('scores the ensemble by the mean of the models logits, also where the sum would score otherwise', async () => {
    const models = [
      await writeModel('r1', 'regression', ['score'], 1),
      await writeModel('r2', 'regression', ['score'], 2),
    ];
    const file = await dataOf('scores.jsonl', 'regression', 3);
    const gold = toyRows('regression', 10, 3).map(({ label }) => Number(label));
    const first = await predictions(models[0] ?? '', 'regression', file);
    const second = await predictions(models[1] ?? '', 'regression', file);
    const mean = gold.map((_, row) => (Number(first[row]?.[0]) + Number(second[row]?.[0])) / 2);
    const squares = mean.map((value, row) => (value - Number(gold[row])) ** 2);

    const scores = await evaluateModels({
      models,
      task: 'regression',
      dataFiles: [file],
      ensemble: true,
      batchSize: 4,
      threads: 1,
    });
    expect(scores.map(({ model }) => model)).toEqual([...models, 'ensemble']);
    expect(scores[2]?.metrics.mse).toBeCloseTo(squares.reduce((a, b) => a + b, 0) / 10, 6);
  });

  it('scores every model on every file by itself, and shows the main metric first', async () => {
    const model = await writeModel('t1', 'text-classification', ['cold', 'warm'], 1);
    const files = [
      await dataOf('one.jsonl', 'text-classification', 1),
      await dataOf('two.jsonl', 'text-classification', 2),
    ];
    const scores = await evaluateModels({
      models: [model],
      task: 'text-classification',
      dataFiles: files,
      ensemble: false,
      batchSize: 4,
      threads: 1,
    });
    expect(scores.map(({ data, examples, main }) => ({ data, examples, main }))).toEqual(
      files.map((data) => ({ data, examples: 10, main: 'accuracy' })),
    );
    for (const [index, file] of files.entries()) {
      const logits = await predictions(model, 'text-classification', file);
      const gold = toyRows('text-classification', 10, index + 1);
      const right = logits.filter(
        ([cold, warm], row) => (Number(warm) > Number(cold) ? 'warm' : 'cold') === gold[row]?.label,
      );
      expect(scores[index]?.metrics.accuracy).toBeCloseTo(right.length / 10, 6);
    }
    expect(formatScores(scores).split('\n')[0]).toMatch(
      /^\S+t1 on \S+one\.jsonl \(10 examples\): accuracy \d\.\d{4}, macroF1 -?\d\.\d{4}, matthews -?\d\.\d{4}$/,
    );
  });

  it('refuses an ensemble of models whose labels differ, even in order', async () => {
    const models = [
      await writeModel('l1', 'text-classification', ['cold', 'warm'], 1),
      await writeModel('l2', 'text-classification', ['warm', 'cold'], 1),
    ];
    const dataFiles = [await dataOf('labels.jsonl', 'text-classification', 1)];
    const options = { models, task: 'text-classification', dataFiles, batchSize: 4, threads: 1 } as const;
    await expect(evaluateModels({ ...options, ensemble: true })).rejects.toThrow(
      `--ensemble: models must have the same labels in the same order, ${models[1]} has warm, cold`,
    );
    expect(await evaluateModels({ ...options, ensemble: false })).toHaveLength(2);
  });

  it('says that a model has no head for the task', async () => {
    const model = await writeModel('base', 'masked-lm', [], 1);
    const dataFiles = [await dataOf('headless.jsonl', 'text-classification', 1)];
    await expect(
      evaluateModels({
        models: [model],
        task: 'text-classification',
        dataFiles,
        ensemble: false,
        batchSize: 4,
      }),
    ).rejects.toThrow(
      /base: weights must fit config\.json and be finite: bert\.pooler\.dense\.weight \[16, 16\] is missing;/,
    );
  });
});
