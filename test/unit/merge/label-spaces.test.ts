import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statisticsDefaults } from '../../../agent/statistics/statistics-options.ts';
import { collectStatistics } from '../../../agent/steps/collect-statistics.ts';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { openGrams } from '../../../shared/contribution/open-grams.ts';
import { writeTrainingRecord } from '../../../shared/contribution/training-record.ts';
import { baseFingerprint } from '../../../shared/formats/base-fingerprint.ts';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { transpose } from '../../../shared/linalg/matrix.ts';
import { createModel, saveModel } from '../../../shared/models/model-folder.ts';
import type { TensorToWrite } from '../../../shared/safetensors/write-safetensors.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { quietContext } from '../../support/run-context.ts';
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
  await collectStatistics(
    {
      ...statisticsDefaults,
      ...{ model, task, dataFiles: [data], out, agent, shareMetrics: false },
      ...(task === 'regression' ? {} : { fisher: { variant: 'hard', examples: 8, reduction: 'example' } }),
    },
    quietContext,
  );
  return out;
}

const merge = (folders: readonly string[], name: string, options: Partial<MergeOptions> = {}) =>
  mergeContributions(folders, { method: 'regmean', out: join(folder, name), ...options }, quietContext);

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
    expect(model.classes).toEqual(['anger', 'joy', 'fear', 'guilt']);
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

  it('are averaged from the agents of a class where --average says so, weight and bias alike', async () => {
    const report = await merge([joy, fear, guilt], 'averaged', { average: ['^classifier'] });
    const merged = await classRow(join(folder, 'averaged'), 'anger');
    const [a, b] = [await classRow(joy, 'anger'), await classRow(fear, 'anger')];
    expectClose(
      merged.weight,
      a.weight.map((value, i) => (value + (b.weight[i] as number)) / 2),
    );
    expect(merged.bias).toBeCloseTo((a.bias + b.bias) / 2, 6);
    expect(report.groups.flatMap(({ layers }) => layers)).not.toContain('classifier');
  });

  it('keep no row of a base, which has other classes', async () => {
    await expect(merge([joy, fear], 'kept', { exclude: ['^classifier'], base: joy })).rejects.toThrow(
      "exclude: classifier.weight has a row per class, and the agents' classes differ",
    );
  });

  it('are scaled as whole parameters are where coefficients are taken as they are given', async () => {
    const options = { method: 'simple', coefficientScale: 'as-given', coefficients: [1, 1, 1] } as const;
    await merge([joy, fear, guilt], 'as-given', options);
    const [merged, own] = [await classRow(join(folder, 'as-given'), 'guilt'), await classRow(guilt, 'guilt')];
    expectClose(
      merged.weight,
      own.weight.map((value) => 3 * value),
    );
  });

  it('in another order only are no class that somebody lacks', async () => {
    const swapped = await contribute('swapped', multi, ['fear', 'anger', 'joy'], 10);
    const report = await merge([joy, swapped], 'reordered');
    expect(report.classes).toBeNull();
    expect(await readFile(join(folder, 'reordered', 'README.md'), 'utf8')).not.toContain('not all agents');
    const solved = await solvedRow([joy, swapped], 'fear', 0.9);
    expectClose((await classRow(join(folder, 'reordered'), 'fear')).weight, solved);
  });

  it.each([
    ['roberta', 'classifier.out_proj'],
    ['distilbert', 'classifier'],
  ])('are found in the graph of %s: %s', async (modelType, layer) => {
    const own = await Promise.all(
      [
        ['a', 'b'],
        ['b', 'c'],
      ].map(async (labels, index) => {
        const model = join(folder, `${modelType}-${index}`);
        await mkdir(model);
        const config = {
          ...{ model_type: modelType, vocab_size: 12, max_position_embeddings: 16 },
          ...{ hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32 },
          ...{ dim: 16, n_layers: 1, n_heads: 2, hidden_dim: 32 },
        };
        await saveModel(model, createModel(config, 'text-classification', labels, index));
        return model;
      }),
    );
    await merge(own, `${modelType}-united`, { method: 'simple' });
    const { model } = await loadModel(join(folder, `${modelType}-united`), { task: 'text-classification' });
    expect(model.classes).toEqual(['a', 'b', 'c']);
    const bias = async (folder: string) => (await readWeights(folder)).get(`${layer}.bias`)?.data ?? [];
    const [first, second] = [await bias(own[0] ?? ''), await bias(own[1] ?? '')];
    const fused = await bias(join(folder, `${modelType}-united`));
    expect(fused[0]).toBe(first[0]);
    expect(fused[1]).toBeCloseTo((Number(first[1]) + Number(second[0])) / 2, 6);
    expect(fused[2]).toBe(second[1]);
  });

  it('unite classes that exclude one another too', async () => {
    const news = await contribute('news', 'text-classification', ['news', 'romance'], 6);
    const learned = await contribute('learned', 'text-classification', ['learned', 'hobbies'], 7);
    await merge([news, learned], 'genres');
    expect(await classRow(join(folder, 'genres'), 'hobbies')).toEqual(await classRow(learned, 'hobbies'));
  });
});

describe('heads of a model family that is not known', () => {
  const write = (name: string, labels: readonly string[], extra: readonly TensorToWrite[] = []) =>
    writeContributionFolder(join(folder, name), {
      config: { model_type: 'another', id2label: Object.fromEntries(labels.entries()) },
      tensors: [
        { name: 'wte.weight', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
        {
          name: 'score.weight',
          shape: [labels.length, 2],
          data: Float32Array.from(labels.flatMap((label) => [label.length, -label.length])),
        },
        { name: 'type_embeddings.weight', shape: [2, 2], data: new Float32Array(4) },
        ...extra,
      ],
    });

  it('are found by their shape: as many outputs as classes', async () => {
    const folders = [await write('gpt-a', ['xx', 'x', 'xxxx']), await write('gpt-b', ['xxxxxx', 'x'])];
    await merge(folders, 'gpt', { method: 'simple' });
    const { shape, data } = (await readWeights(join(folder, 'gpt'))).get('score.weight') ?? {};
    expect(shape).toEqual([4, 2]);
    expect([...(data ?? [])]).toEqual([2, -2, 1, -1, 4, -4, 6, -6]);
  });

  it('are those with a bias where tables have as many rows', async () => {
    const bias = { name: 'score.bias', shape: [2], data: Float32Array.of(1, 2) };
    await merge(
      [await write('gpt-e', ['a', 'b'], [bias]), await write('gpt-f', ['b', 'a'], [bias])],
      'gpt-biased',
      { method: 'simple' },
    );
    expect([...((await readWeights(join(folder, 'gpt-biased'))).get('score.bias')?.data ?? [])]).toEqual([
      1.5, 1.5,
    ]);
  });

  it('are refused when shapes do not tell them', async () => {
    const extra = { name: 'other.weight', shape: [2, 1], data: Float32Array.of(1, 1) };
    const folders = [await write('gpt-c', ['a', 'b'], [extra]), await write('gpt-d', ['b', 'a'], [extra])];
    await expect(merge(folders, 'gpt-x', { method: 'simple' })).rejects.toThrow(
      'as many outputs as there are classes, got wte.weight, score.weight, type_embeddings.weight, other.weight',
    );
  });
});

describe('heads of regression', () => {
  it('are one output, whatever its name', async () => {
    const score = await contribute('score', 'regression', ['score'], 11);
    const plain = await contribute('plain', 'regression', ['LABEL_0'], 12);
    const report = await merge([score, plain], 'values', { method: 'simple' });
    const weight = async (model: string) => (await readWeights(model)).get('classifier.weight');
    expect((await weight(join(folder, 'values')))?.shape).toEqual([1, hidden]);
    const [a, b] = [await weight(score), await weight(plain)];
    expectClose(
      [...((await weight(join(folder, 'values')))?.data ?? [])],
      [...(a?.data ?? [])].map((value, i) => (value + (b?.data[i] as number)) / 2),
    );
    expect(report).toMatchObject({ labels: [], classes: null });
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
      ...{ task: 'text-classification', classes: ['x', 'y'], headSeed: 1 },
    });
    expect(initialized).toContain('classifier.weight');
  });
});
