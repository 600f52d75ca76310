import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectStatistics } from '../../../agent/statistics/collect-statistics.ts';
import { statisticsDefaults } from '../../../agent/statistics/statistics-options.ts';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { baseFingerprint } from '../../../shared/contribution/base-fingerprint.ts';
import { openGrams } from '../../../shared/contribution/open-grams.ts';
import { writeTrainingRecord } from '../../../shared/contribution/training-record.ts';
import { transpose } from '../../../shared/linalg/matrix.ts';
import { createModel, loadModel, saveModel } from '../../../shared/models/model-folder.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { readWeights, tinyConfig, writeRows, writeTinyBase } from '../../support/tiny-model.ts';
import { naiveProduct, naiveSolve } from '../linalg/naive.ts';

const hidden = tinyConfig.hidden_size;
let folder: string;
let base: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-labels-'));
  base = await writeTinyBase(join(folder, 'base'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ids = (seed: number) =>
  Array.from({ length: 40 }, (_, row) => ({
    input_ids: [2, 4 + ((row * seed) % 8), 4 + ((row + seed) % 8), 3],
  }));

/** A contribution with Grams and Fisher information, its weights drawn from the seed. */
async function contribute(
  agent: string,
  task: TaskKind,
  labels: readonly string[],
  seed: number,
  seenLabels: readonly string[] = labels,
): Promise<string> {
  const model = join(folder, `${agent}-model`);
  const out = join(folder, agent);
  await mkdir(model);
  await saveModel(model, createModel(tinyConfig, task, labels, seed));
  const fingerprint = await baseFingerprint(base);
  await writeTrainingRecord(model, {
    task,
    labels: [...labels],
    seenLabels: [...seenLabels],
    baseFingerprint: fingerprint,
  });
  const row = task === 'multi-label-classification' ? { labels: [labels[0]] } : {};
  const data = await writeRows(
    join(folder, `${agent}.jsonl`),
    ids(seed).map((own) => ({ ...own, ...row })),
  );
  await collectStatistics({
    ...statisticsDefaults,
    ...{ model, task, dataFiles: [data], out, agent, threads: 1, shareMetrics: false },
    fisher: { variant: 'hard', examples: 8, reduction: 'example' },
  });
  return out;
}

const merge = (folders: readonly string[], name: string, options: Partial<MergeOptions> = {}) =>
  mergeContributions(folders, { method: 'regmean', out: join(folder, name), threads: 1, ...options });

/** The row of a class in a model's classifier, with its bias. */
async function classRow(model: string, name: string): Promise<{ weight: number[]; bias: number }> {
  const { id2label } = JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as {
    id2label: Record<string, string>;
  };
  const id = Number(Object.entries(id2label).find(([, label]) => label === name)?.[0]);
  const weights = await readWeights(model);
  const weight = [...(weights.get('classifier.weight')?.data ?? [])].slice(id * hidden, (id + 1) * hidden);
  return { weight, bias: weights.get('classifier.bias')?.data[id] ?? Number.NaN };
}

/** Eq. 2 of the paper for one class, by Gaussian elimination. */
async function solvedRow(folders: readonly string[], name: string, alpha: number): Promise<number[]> {
  const left = { rows: hidden, columns: hidden, data: new Float64Array(hidden * hidden) };
  const right = { rows: hidden, columns: 1, data: new Float64Array(hidden) };
  for (const own of folders) {
    const grams = await openGrams(join(own, 'grams.safetensors'));
    const rows = grams.grams.get('classifier')?.rows ?? 1;
    const data = await grams.readSquare('classifier', { diagonal: 1 / rows, offDiagonal: alpha / rows });
    await grams.close();
    const gram = { rows: hidden, columns: hidden, data };
    const { weight } = await classRow(own, name);
    const product = naiveProduct(gram, { rows: hidden, columns: 1, data: Float64Array.from(weight) });
    for (let i = 0; i < data.length; i++) left.data[i] = (left.data[i] as number) + (data[i] as number);
    for (let i = 0; i < hidden; i++) right.data[i] = (right.data[i] as number) + (product.data[i] as number);
  }
  return [...transpose(naiveSolve(left, right)).data];
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of actual.entries()) expect(value).toBeCloseTo(expected[index] as number, 5);
}

describe('heads with different classes', () => {
  const multi = 'multi-label-classification';
  let joy: string;
  let fear: string;
  let guilt: string;
  beforeAll(async () => {
    joy = await contribute('joy', multi, ['anger', 'joy', 'fear'], 1);
    fear = await contribute('fear', multi, ['fear', 'anger'], 2);
    guilt = await contribute('guilt', multi, ['guilt', 'joy', 'fear'], 3, ['guilt', 'joy']);
  });

  it('are united by name; each class is solved from the agents that learned it', async () => {
    const report = await merge([joy, fear, guilt], 'united', { alpha: 0.5 });
    const out = join(folder, 'united');
    expect(report.labels).toEqual(['anger', 'joy', 'fear', 'guilt']);
    expectClose((await classRow(out, 'anger')).weight, await solvedRow([joy, fear], 'anger', 0.5));
    expectClose((await classRow(out, 'joy')).weight, await solvedRow([joy, guilt], 'joy', 0.5));
    expectClose((await classRow(out, 'fear')).weight, await solvedRow([joy, fear], 'fear', 0.5));
    expect(await classRow(out, 'guilt')).toEqual(await classRow(guilt, 'guilt'));
    const [a, b] = [await classRow(joy, 'fear'), await classRow(fear, 'fear')];
    expect((await classRow(out, 'fear')).bias).toBeCloseTo((a.bias + b.bias) / 2, 6);
  });

  it('are reported: who knows which class', async () => {
    const report = await merge([joy, fear, guilt], 'reported');
    expect(report.classes).toEqual({
      anger: ['joy', 'fear'],
      joy: ['joy', 'guilt'],
      fear: ['joy', 'fear'],
      guilt: ['guilt'],
    });
    expect(await readFile(join(folder, 'reported', 'README.md'), 'utf8')).toContain('| `guilt` | guilt |');
  });

  it('make a model that loads with all classes', async () => {
    await merge([joy, fear, guilt], 'loads');
    const { model, surplus } = await loadModel(join(folder, 'loads'), { task: multi });
    expect(model.labels).toEqual(['anger', 'joy', 'fear', 'guilt']);
    expect(surplus).toEqual([]);
  });

  it('are averaged by Simple with coefficients renormalised over the agents of a class', async () => {
    await merge([joy, fear, guilt], 'simple', { method: 'simple', coefficients: [0.6, 0.2, 0.2] });
    const [a, b] = [await classRow(joy, 'joy'), await classRow(guilt, 'joy')];
    const merged = await classRow(join(folder, 'simple'), 'joy');
    expectClose(
      merged.weight,
      a.weight.map((value, i) => 0.75 * value + 0.25 * (b.weight[i] as number)),
    );
    expect(merged.bias).toBeCloseTo(0.75 * a.bias + 0.25 * b.bias, 6);
  });

  it('are weighed by Fisher information, row by row', async () => {
    await merge([joy, fear, guilt], 'fisher', { method: 'fisher' });
    expect(await classRow(join(folder, 'fisher'), 'guilt')).toEqual(await classRow(guilt, 'guilt'));
  });

  it('of one order or another merge alike', async () => {
    const turned = await contribute('turned', multi, ['fear', 'joy', 'anger'], 4);
    await merge([joy, turned], 'one-way', { method: 'simple' });
    await merge([turned, joy], 'other-way', { method: 'simple' });
    for (const name of ['fear', 'joy', 'anger']) {
      expect(await classRow(join(folder, 'one-way'), name)).toEqual(
        await classRow(join(folder, 'other-way'), name),
      );
    }
  });

  it('refuse a class that nobody learned', async () => {
    const idle = await contribute('idle', multi, ['awe', 'joy'], 5, ['joy']);
    await expect(merge([joy, idle], 'unlearned')).rejects.toThrow(
      'class awe: must be learned by an agent, none did',
    );
  });

  it('unite classes that exclude one another too', async () => {
    const news = await contribute('news', 'text-classification', ['news', 'romance'], 6);
    const learned = await contribute('learned', 'text-classification', ['learned', 'hobbies'], 7);
    await merge([news, learned], 'genres');
    expect(await classRow(join(folder, 'genres'), 'hobbies')).toEqual(await classRow(learned, 'hobbies'));
  });
});

describe('heads of different tasks', () => {
  let topic: string;
  let tags: string;
  beforeAll(async () => {
    topic = await contribute('topic', 'text-classification', ['a', 'b'], 8);
    tags = await contribute('tags', 'token-classification', ['O', 'B-X', 'I-X'], 9);
  });

  it('are refused unless kept apart', async () => {
    await expect(merge([topic, tags], 'together')).rejects.toThrow(
      'task: must be the same, topic has text-classification, tags has token-classification',
    );
  });

  it('stay with their agents; the encoder is one', async () => {
    const report = await merge([topic, tags], 'apart', { heads: 'separate' });
    const out = join(folder, 'apart');
    const fused = await readWeights(out);
    expect([...fused.keys()].some((name) => /classifier|pooler/.test(name))).toBe(false);
    for (const [agent, own, task] of [
      ['topic', topic, 'text-classification'],
      ['tags', tags, 'token-classification'],
    ] as const) {
      const { model } = await loadModel(join(out, 'heads', agent), { task });
      const before = await readWeights(own);
      for (const [name, { data }] of model.weights) {
        expect(data, name).toEqual((fused.get(name) ?? before.get(name))?.data);
      }
    }
    expect(Object.keys(report.files)).toContain('heads/tags/model.safetensors');
    expect(report.labels).toBeNull();
  });

  it('leave a base that agents can fine-tune again', async () => {
    await merge([topic, tags], 'base-again', { heads: 'separate' });
    const { initialized } = await loadModel(join(folder, 'base-again'), {
      ...{ task: 'text-classification', labels: ['x', 'y'], headSeed: 1 },
    });
    expect(initialized).toContain('classifier.weight');
  });
});
