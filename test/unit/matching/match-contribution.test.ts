import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statisticsDefaults } from '../../../agent/statistics/statistics-options.ts';
import { collectStatistics } from '../../../agent/steps/collect-statistics.ts';
import { assign } from '../../../merger/matching/assign.ts';
import { type MatchOptions, matchContribution } from '../../../merger/matching/match-contribution.ts';
import { permuteContribution } from '../../../merger/matching/permute-contribution.ts';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import { openContribution } from '../../../shared/contribution/open-contribution.ts';
import { openGrams } from '../../../shared/contribution/open-grams.ts';
import { writeTrainingRecord } from '../../../shared/contribution/training-record.ts';
import { validateContribution } from '../../../shared/contribution/validate-contribution.ts';
import { baseFingerprint } from '../../../shared/formats/base-fingerprint.ts';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { loadExamples } from '../../../shared/inference/load-examples.ts';
import { createPredictor } from '../../../shared/inference/predictor.ts';
import { createModel, saveModel } from '../../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import { findStackedLayers, type StackedLayers } from '../../../shared/models/stacked-layers.ts';
import { createRandom, shuffle } from '../../../shared/random.ts';
import { oneThread, quietContext } from '../../support/run-context.ts';
import { readWeights, tinyConfig, toyRows, writeRows, writeTinyBase } from '../../support/tiny-model.ts';

const task = 'text-classification';
const labels = ['cold', 'warm'];
const first = 'bert.encoder.layer.0.intermediate.dense';
const second = 'bert.encoder.layer.0.output.dense';

/** The feed-forward block of the first layer. */
const stacked = findStackedLayers(
  buildModelGraph(createModel(tinyConfig, task, labels, 1), { withLoss: false, dropoutSeed: null }),
)[0] as StackedLayers;

const albert = { ...tinyConfig, model_type: 'albert', embedding_size: 8, hidden_act: 'gelu' };
const gpt2 = {
  ...{ model_type: 'gpt2', vocab_size: 12, n_embd: 16, n_layer: 1, n_head: 2, n_positions: 12 },
  ...{ activation_function: 'relu', pad_token_id: 0, initializer_range: 0.2 },
};

let folder: string;
let data: string;
let left: string;
let scrambled: string;
let order: Int32Array;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-matching-'));
  const base = await writeTinyBase(join(folder, 'base'));
  data = await writeRows(join(folder, 'rows.jsonl'), toyRows(task, 60, 3));
  left = await contribute('left', base, 8);
  order = Int32Array.from(shuffle([...Array(tinyConfig.intermediate_size).keys()], createRandom(4)));
  const contribution = await openContribution(left);
  scrambled = join(folder, 'scrambled');
  const renamed = {
    ...contribution,
    manifest: { ...contribution.manifest, agent: 'scrambled' },
  } as typeof contribution;
  await permuteContribution(renamed, [{ ...stacked, order }], scrambled);
  await contribution.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function contribute(agent: string, base: string, seed: number): Promise<string> {
  const model = join(folder, `${agent}-model`);
  const out = join(folder, agent);
  await mkdir(model);
  await saveModel(model, createModel(tinyConfig, task, labels, seed));
  await writeTrainingRecord(model, {
    task,
    labels: [...labels],
    baseFingerprint: await baseFingerprint(base),
  });
  await collect(model, agent, out);
  return out;
}

const collect = (model: string, agent: string, out: string, baseFolder?: string) =>
  collectStatistics(
    {
      ...statisticsDefaults,
      ...{ model, task, dataFiles: [data], out, agent, shareMetrics: false },
      ...(baseFolder === undefined ? {} : { base: baseFolder }),
      norms: true,
      fisher: { variant: 'hard', examples: 8, reduction: 'example' },
      outputGrams: { variant: 'hard', examples: 8 },
    },
    quietContext,
  );

const match = (options: Partial<MatchOptions> = {}) =>
  matchContribution(
    {
      ...{ left, right: scrambled, out: join(folder, 'matched'), by: 'weights', task },
      ...options,
    },
    quietContext,
  );

async function logitsOf(model: string): Promise<number[]> {
  const loaded = (await loadModel(model, { task })).model;
  const { examples } = await loadExamples({
    ...{
      files: [data],
      task,
      classes: labels,
      modelFolder: model,
      inputs: loaded.config.inputs,
      labelled: false,
    },
  });
  const predictor = await createPredictor(loaded, loaded.weights, oneThread);
  const logits = await predictor.predict(examples, { batchSize: 8 }, quietContext);
  await predictor.dispose();
  return logits.flatMap((own) => [...own]);
}

describe('stacked layers', () => {
  it('are the feed-forward block and a head with a hidden layer: nothing with a residual or a second reader', () => {
    const model = createModel({ ...tinyConfig, num_hidden_layers: 2 }, task, labels, 1);
    const found = findStackedLayers(buildModelGraph(model, { withLoss: false, dropoutSeed: null }));
    expect(found.map((pair) => `${pair.first.module} ${pair.second.module}`)).toEqual([
      `${first} ${second}`,
      `${first} ${second}`.replaceAll('layer.0', 'layer.1'),
      'bert.pooler.dense classifier',
    ]);
  });

  it('that are used several times are one pair, whose activations are those of all uses', () => {
    const model = createModel({ ...albert, num_hidden_layers: 3 }, task, labels, 1);
    const [pair, ...others] = findStackedLayers(
      buildModelGraph(model, { withLoss: false, dropoutSeed: null }),
    ).filter(({ first: { module } }) => module.endsWith('.ffn'));
    expect(others).toEqual([]);
    expect(pair?.second.module).toMatch(/\.ffn_output$/);
    expect(pair?.activations).toHaveLength(3);
  });
});

describe('an assignment', () => {
  it('is the best of all permutations', () => {
    const random = createRandom(7);
    const matrix = { rows: 5, columns: 5, data: Float64Array.from({ length: 25 }, () => random()) };
    const sumOf = (p: ArrayLike<number>): number =>
      Array.from(p).reduce((sum, column, row) => sum + (matrix.data[row * 5 + column] as number), 0);
    const all = permutations([0, 1, 2, 3, 4]).map(sumOf);
    expect(sumOf(assign(matrix, 'least'))).toBeCloseTo(Math.min(...all), 12);
    expect(sumOf(assign(matrix, 'most'))).toBeCloseTo(Math.max(...all), 12);
  });
});

describe('a permuted contribution', () => {
  it('computes the same function', async () => {
    const [before, after] = [await logitsOf(left), await logitsOf(scrambled)];
    for (const [index, value] of after.entries()) expect(value).toBeCloseTo(before[index] as number, 5);
    expect((await readWeights(scrambled)).get(`${first}.weight`)).not.toEqual(
      (await readWeights(left)).get(`${first}.weight`),
    );
  });

  it.each([
    ['weights stored [in, out]', gpt2],
    ['layers that are used several times', { ...albert, num_hidden_layers: 3 }],
  ])('computes the same function with %s', async (_, config) => {
    const model = createModel({ ...config }, task, labels, 3);
    const [source, out] = [join(folder, config.model_type), join(folder, `${config.model_type}-permuted`)];
    await mkdir(source);
    await saveModel(source, model);
    const [pair] = findStackedLayers(buildModelGraph(model, { withLoss: false, dropoutSeed: null }));
    const { first: inner, second: outer } = pair as StackedLayers;
    const reversed = Int32Array.from({ length: inner.outputs }, (_, at) => inner.outputs - 1 - at);
    const contribution = await openContribution(source);
    await permuteContribution(contribution, [{ first: inner, second: outer, order: reversed }], out);
    await contribution.close();
    const [before, after] = [await logitsOf(source), await logitsOf(out)];
    for (const [index, value] of after.entries()) expect(value).toBeCloseTo(before[index] as number, 5);
    expect((await readWeights(out)).get(inner.weight)).not.toEqual(model.weights.get(inner.weight));
  });

  it('has the Grams of both sides and the Fisher information that would be collected from it', async () => {
    const again = join(folder, 'again');
    await collect(scrambled, 'again', again, join(folder, 'base'));
    for (const [file, module] of [
      ['grams.safetensors', second],
      ['grams.safetensors', first],
      ['output-grams.safetensors', first],
      ['output-grams.safetensors', second],
    ] as const) {
      const [permuted, collected] = [
        await openGrams(join(scrambled, file)),
        await openGrams(join(again, file)),
      ];
      const factors = { diagonal: 1, offDiagonal: 1 };
      const actual = await permuted.readSquare(module, factors);
      const wanted = await collected.readSquare(module, factors);
      const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      for (const [index, value] of wanted.entries()) {
        expect(Math.abs((actual[index] as number) - value)).toBeLessThan(1e-4 * largest);
      }
      await permuted.close();
      await collected.close();
    }
    const [ours, theirs] = [await openContribution(scrambled), await openContribution(again)];
    const name = `${second}.weight`;
    const expected = (await theirs.fisher?.readFloat32(name))?.data ?? new Float32Array();
    const largest = expected.reduce((a, b) => Math.max(a, b), 0);
    for (const [index, value] of ((await ours.fisher?.readFloat32(name))?.data ?? []).entries()) {
      expect(Math.abs(value - (expected[index] as number))).toBeLessThan(1e-4 * largest);
    }
    await ours.close();
    await theirs.close();
  });

  it('is a valid contribution', async () => {
    const all = { grams: true, fisher: true, norms: true, outputGrams: true };
    expect((await validateContribution(scrambled, all)).agent).toBe('scrambled');
  });
});

describe('matching', () => {
  it.each(['weights', 'activations'] as const)(
    'by %s finds the places that neurons came from',
    async (by) => {
      const report = await match({ by, dataFiles: [data], out: join(folder, `by-${by}`) });
      const found = report.layers.find(({ layer }) => layer === first);
      // Putting neuron order[i] at place i is undone by putting neuron p[i] there, with order[p[i]]
      // = i.
      expect(found?.assignment.map((from) => order[from])).toEqual([...order.keys()]);
      const [ours, back] = [
        await readWeights(left),
        await readWeights(join(folder, `by-${by}`, 'contribution')),
      ];
      expect(back.get(`${first}.weight`)).toEqual(ours.get(`${first}.weight`));
      expect(back.get(`${second}.weight`)).toEqual(ours.get(`${second}.weight`));
    },
  );

  it('makes the average of a model and its scrambled self the model again', async () => {
    await match();
    const name = `${first}.weight`;
    const original = (await readWeights(left)).get(name)?.data;
    const merge = async (right: string, out: string) => {
      await mergeContributions([left, right], { method: 'simple', out: join(folder, out) }, quietContext);
      return (await readWeights(join(folder, out))).get(name)?.data;
    };
    expect(await merge(scrambled, 'unmatched-merge')).not.toEqual(original);
    expect(await merge(join(folder, 'matched', 'contribution'), 'matched-merge')).toEqual(original);
  });

  it('writes the matrices, a report and a page that shows them', async () => {
    const { layers } = await match({ out: join(folder, 'shown') });
    const page = await readFile(join(folder, 'shown', 'matrices.html'), 'utf8');
    expect(page.match(/<svg /g)).toHaveLength(layers.length);
    expect(layers[0]).toMatchObject({ layer: first, next: second, dimension: tinyConfig.intermediate_size });
    expect(layers[0]?.corner).toHaveLength(tinyConfig.intermediate_size);
  });

  it('refuses activations without texts, and models of other sizes', async () => {
    await expect(match({ by: 'activations' })).rejects.toThrow('--by activations: needs --data');
    const other = join(folder, 'other');
    await mkdir(other);
    await saveModel(other, createModel({ ...tinyConfig, intermediate_size: 8 }, task, labels, 1));
    await expect(match({ right: other })).rejects.toThrow(
      /intermediate.dense.weight: .* must both have it, in one shape/,
    );
  });
});

function permutations(items: readonly number[]): number[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item) =>
    permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
  );
}
