import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateModels, formatScores } from '../../../../agent/inference/evaluate-models.ts';
import { predictFile } from '../../../../agent/inference/predict-file.ts';
import { createModel, saveModel } from '../../../../shared/models/model-folder.ts';
import type { TaskKind } from '../../../../shared/task.ts';
import { quietContext } from '../../../support/run-context.ts';
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
  await predictFile({ model, task, dataFiles: [file], out, batchSize: 3 }, quietContext);
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

    const scores = await evaluateModels(
      {
        models,
        task: 'regression',
        dataFiles: [file],
        ensemble: true,
        batchSize: 4,
      },
      quietContext,
    );
    expect(scores.map(({ model }) => model)).toEqual([...models, 'ensemble']);
    expect(scores[2]?.metrics.mse).toBeCloseTo(squares.reduce((a, b) => a + b, 0) / 10, 6);
  });

  it('scores every model on every file by itself, and shows the main metric first', async () => {
    const model = await writeModel('t1', 'text-classification', ['cold', 'warm'], 1);
    const files = [
      await dataOf('one.jsonl', 'text-classification', 1),
      await dataOf('two.jsonl', 'text-classification', 2),
    ];
    const scores = await evaluateModels(
      {
        models: [model],
        task: 'text-classification',
        dataFiles: files,
        ensemble: false,
        batchSize: 4,
      },
      quietContext,
    );
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

  it('brings the classes of an ensemble together by name', async () => {
    const models = [
      await writeModel('l1', 'text-classification', ['cold', 'warm'], 1),
      await writeModel('l2', 'text-classification', ['hot', 'warm', 'cold'], 2),
    ];
    const file = await dataOf('labels.jsonl', 'text-classification', 1);
    const scores = await evaluateModels(
      {
        ...{ models, task: 'text-classification', dataFiles: [file] },
        ...{ ensemble: true, batchSize: 4 },
      },
      quietContext,
    );
    const first = await predictions(models[0] ?? '', 'text-classification', file);
    const second = await predictions(models[1] ?? '', 'text-classification', file);
    const gold = toyRows('text-classification', 10, 1).map(({ label }) => label);
    const right = gold.filter((label, row) => {
      const [cold, warm] = first[row] as [number, number];
      const [hot, alsoWarm, alsoCold] = second[row] as [number, number, number];
      const mean = { hot, warm: (warm + alsoWarm) / 2, cold: (cold + alsoCold) / 2 };
      return Object.entries(mean).sort(([, a], [, b]) => b - a)[0]?.[0] === label;
    });
    expect(scores[2]?.metrics.accuracy).toBeCloseTo(right.length / 10, 10);
  });

  it('scores an ensemble alike in any order of its models, the classes of all being possible', async () => {
    const labels = [
      ['cold', 'warm'],
      ['mild', 'cold'],
    ];
    const models = await Promise.all(
      labels.map((own, index) => writeModel(`m${index}`, 'multi-label-classification', own, index)),
    );
    const file = await dataOf('several.jsonl', 'multi-label-classification', 4);
    const ensembleOf = async (...own: string[]) => {
      const scores = await evaluateModels(
        {
          ...{ models: own, task: 'multi-label-classification', dataFiles: [file] },
          ...{ ensemble: true, batchSize: 4 },
        },
        quietContext,
      );
      return scores.at(-1)?.metrics;
    };
    const [first, second] = [
      await predictions(models[0] ?? '', 'multi-label-classification', file),
      await predictions(models[1] ?? '', 'multi-label-classification', file),
    ];
    const gold = toyRows('multi-label-classification', 10, 4).map((row) => row.labels ?? []);
    const counts = new Map(['cold', 'warm', 'mild'].map((name) => [name, { right: 0, said: 0, held: 0 }]));
    for (const [row, held] of gold.entries()) {
      const [cold1 = 0, warm = 0] = first[row] ?? [];
      const [mild = 0, cold2 = 0] = second[row] ?? [];
      for (const [name, logit] of Object.entries({ cold: (cold1 + cold2) / 2, warm, mild })) {
        const own = counts.get(name) ?? { right: 0, said: 0, held: 0 };
        if (logit > 0) own.said++;
        if (held.includes(name)) own.held++;
        if (logit > 0 && held.includes(name)) own.right++;
      }
    }
    const occurring = [...counts.values()].filter(({ said, held }) => said + held > 0);
    const f1s = occurring.map(({ right, said, held }) => (2 * right) / (said + held));
    const macroF1 = f1s.reduce((sum, f1) => sum + f1, 0) / f1s.length;
    expect((await ensembleOf(...models))?.macroF1).toBeCloseTo(macroF1, 10);
    expect((await ensembleOf(...[...models].reverse()))?.macroF1).toBeCloseTo(macroF1, 10);
  });

  it('refuses to ensemble over class numbers that mean other classes for the models', async () => {
    const models = [
      await writeModel('n1', 'text-classification', ['cold', 'warm'], 1),
      await writeModel('n2', 'text-classification', ['warm', 'cold'], 1),
    ];
    const rows = [1, 0].map((label) => ({ input_ids: [2, 5, 3], label }));
    const dataFiles = [await writeRows(join(folder, 'numbers.jsonl'), rows)];
    const options = { models, task: 'text-classification', dataFiles, batchSize: 4 } as const;
    await expect(evaluateModels({ ...options, ensemble: true }, quietContext)).rejects.toThrow(
      `--ensemble: models must read the labels of ${dataFiles[0]} alike, ${models[1]} reads row 1 differently`,
    );
    expect(await evaluateModels({ ...options, ensemble: false }, quietContext)).toHaveLength(2);
  });

  it('counts classes that a model lacks as never predicted, and refuses data of which it knows none', async () => {
    const file = await dataOf('known.jsonl', 'text-classification', 5);
    const share = toyRows('text-classification', 10, 5).filter(({ label }) => label === 'cold').length / 10;
    const evaluate = async (labels: readonly string[], name: string) =>
      evaluateModels(
        {
          models: [await writeModel(name, 'text-classification', labels, 1)],
          ...{ task: 'text-classification', dataFiles: [file], ensemble: false, batchSize: 4 },
        },
        quietContext,
      );
    expect((await evaluate(['cold'], 'only-cold'))[0]?.metrics.accuracy).toBeCloseTo(share, 10);
    await expect(evaluate(['red', 'blue'], 'colours')).rejects.toThrow(
      /colours: must know a class of .*known.jsonl, which has cold, warm; it knows red, blue/,
    );
  });

  it('averages macro-F1 over the classes asked for', async () => {
    const model = await writeModel('subset', 'text-classification', ['cold', 'warm'], 1);
    const options = {
      models: [model],
      dataFiles: [await dataOf('subset.jsonl', 'text-classification', 6)],
      task: 'text-classification',
      ensemble: false,
      batchSize: 4,
    } as const;
    const f1 = async (...classes: string[]): Promise<number> =>
      (await evaluateModels({ ...options, classes }, quietContext))[0]?.metrics.macroF1 ?? Number.NaN;
    expect(await f1('cold', 'warm')).toBeCloseTo(((await f1('cold')) + (await f1('warm'))) / 2, 10);
    await expect(f1('hot')).rejects.toThrow('metrics: hot is none of the classes cold, warm');
  });

  it('says that a model has no head for the task', async () => {
    const model = await writeModel('base', 'masked-lm', [], 1);
    const dataFiles = [await dataOf('headless.jsonl', 'text-classification', 1)];
    await expect(
      evaluateModels(
        {
          models: [model],
          task: 'text-classification',
          dataFiles,
          ensemble: false,
          batchSize: 4,
        },
        quietContext,
      ),
    ).rejects.toThrow(
      /base: weights must fit config\.json and be finite: bert\.pooler\.dense\.weight \[16, 16\] is missing;/,
    );
  });
});
