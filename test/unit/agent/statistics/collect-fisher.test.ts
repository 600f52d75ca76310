import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectFisher } from '../../../../agent/statistics/collect-fisher.ts';
import type { FisherPassOptions } from '../../../../agent/statistics/fisher-walk.ts';
import { createArena } from '../../../../agent/training/parameter-arena.ts';
import { createLossAndGradients } from '../../../../agent/training/train-step.ts';
import { type ExampleLabels, tokenLabels } from '../../../../shared/data/example-labels.ts';
import { collate } from '../../../../shared/examples/collate.ts';
import type { EncodedExample } from '../../../../shared/examples/example.ts';
import { batchFeeds } from '../../../../shared/examples/feeds.ts';
import { loadExamples } from '../../../../shared/inference/load-examples.ts';
import { createPredictor } from '../../../../shared/inference/predictor.ts';
import { createModel, type Model } from '../../../../shared/models/model-folder.ts';
import { isLanguageTask, type TaskKind } from '../../../../shared/task.ts';
import { oneThread, quietContext } from '../../../support/run-context.ts';
import { tinyGpt2, tinyT5 } from '../../../support/tiny-language-models.ts';
import { tinyConfig, toyRows, writeRows } from '../../../support/tiny-model.ts';

const labelsOf: Readonly<Partial<Record<TaskKind, readonly string[]>>> = {
  'text-classification': ['cold', 'warm', 'unseen'],
  'multi-label-classification': ['cold', 'warm', 'unseen'],
  regression: ['LABEL_0'],
  'token-classification': ['cold', 'edge', 'warm'],
};
const familyOf: Readonly<Partial<Record<TaskKind, object>>> = {
  text2text: { ...tinyT5, initializer_factor: 2 },
  'causal-lm': { ...tinyGpt2, initializer_range: 0.3 },
};
const languageRows = [
  { input_ids: [2, 5, 1], labels: [3, 4, 1] },
  { input_ids: [6, 2, 7, 9, 1], labels: [-100, 8, 4, 3, 1] },
  { input_ids: [2, 3, 8, 1], labels: [3, -100, 5, 1] },
  { input_ids: [3, 8], labels: [3, 1] },
  { input_ids: [10, 4, 5], labels: [3, 7, 11] },
];
const options: FisherPassOptions = {
  variant: 'empirical',
  examples: 100,
  reduction: 'example',
  batchSize: 3,
  seed: 1,
};
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-fisher-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function prepare(
  task: TaskKind,
  labelled = true,
): Promise<{ model: Model; examples: EncodedExample[] }> {
  const model = createModel({ ...tinyConfig, ...familyOf[task] }, task, labelsOf[task] ?? [], 8);
  const rows = isLanguageTask(task) ? languageRows : toyRows(task, 5, 4);
  const path = await writeRows(join(folder, `${task}.jsonl`), rows);
  const { examples } = await loadExamples({
    files: [path],
    task,
    classes: model.classes,
    modelFolder: folder,
    inputs: model.config.inputs,
    labelled,
  });
  return { model, examples: [...examples] };
}

/** Gradients of the task's mean loss over a batch, by way of the loss that training uses. */
async function lossGradients(
  model: Model,
  examples: readonly EncodedExample[],
): Promise<ReadonlyMap<string, Float64Array>> {
  const arena = createArena(new Map([...model.weights].map(([name, { shape }]) => [name, shape])));
  const step = await createLossAndGradients(
    model,
    {
      parameters: model.weights,
      gradientArena: arena,
      dropoutSeed: null,
    },
    oneThread,
  );
  await step.run(
    batchFeeds(collate(examples, [...examples.keys()], model.config.inputs, model.task), model.task),
  );
  await step.dispose();
  return new Map([...arena.tensors].map(([name, { data }]) => [name, Float64Array.from(data)]));
}

type Weighted = { readonly weight: number; readonly examples: readonly EncodedExample[] };

/** sum of weight * scale * gradient^2 over batches. */
async function sumOfSquares(
  model: Model,
  terms: readonly Weighted[],
  scale: (examples: readonly EncodedExample[]) => number,
): Promise<ReadonlyMap<string, Float64Array>> {
  const sums = new Map([...model.weights].map(([name, { data }]) => [name, new Float64Array(data.length)]));
  for (const { weight, examples } of terms) {
    const factor = scale(examples);
    for (const [name, gradient] of await lossGradients(model, examples)) {
      const sum = sums.get(name) as Float64Array;
      for (const [i, value] of gradient.entries())
        sum[i] = (sum[i] as number) + weight * (factor * value) ** 2;
    }
  }
  return sums;
}

function expectEqual(
  actual: ReadonlyMap<string, { readonly data: Float32Array }>,
  expected: ReadonlyMap<string, Float64Array>,
): void {
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, values] of expected) {
    const data = actual.get(name)?.data ?? new Float32Array();
    const largest = values.reduce((a, b) => Math.max(a, b), 0);
    const worst = values.reduce(
      (error, value, i) => Math.max(error, Math.abs(value - (data[i] as number))),
      0,
    );
    expect(worst, name).toBeLessThanOrEqual(1e-5 * largest + 1e-12);
  }
}

const withLabels = (example: EncodedExample, labels: ExampleLabels): EncodedExample => ({
  ...example,
  labels,
});
const one = (): number => 1;

const labelledTokens = (labels: ExampleLabels | null): number =>
  tokenLabels(labels)?.filter((label) => label !== -100).length ?? 0;

/** The factor from the mean loss of one example to its negative log-likelihood. */
const likelihoodScale: Readonly<Partial<Record<TaskKind, (examples: readonly EncodedExample[]) => number>>> =
  {
    'text-classification': one,
    'multi-label-classification': () => 3,
    regression: () => 1 / 2,
    'token-classification': (examples) => labelledTokens(examples[0]?.labels ?? null),
    text2text: (examples) => labelledTokens(examples[0]?.labels ?? null),
    'causal-lm': (examples) => labelledTokens(examples[0]?.labels ?? null),
  };

async function softmaxOf(model: Model, example: EncodedExample): Promise<number[]> {
  const predictor = await createPredictor(model, model.weights, oneThread);
  const [logits] = await predictor.predict([example], { batchSize: 1 }, quietContext);
  await predictor.dispose();
  const exponentials = [...(logits ?? [])].map((value) => Math.exp(value));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / sum);
}

describe('diagonal Fisher information', () => {
  it.each([
    'text-classification',
    'multi-label-classification',
    'regression',
    'token-classification',
    'text2text',
    'causal-lm',
  ] as const)(
    'of the labels in the data is the mean squared gradient of the log-likelihood: %s',
    async (task) => {
      const { model, examples } = await prepare(task);
      const { tensors, examples: count } = await collectFisher(model, examples, options, quietContext);
      const terms = examples.map((example) => ({ weight: 1 / examples.length, examples: [example] }));
      expectEqual(tensors, await sumOfSquares(model, terms, likelihoodScale[task] ?? one));
      expect(count).toBe(5);
    },
  );

  it('takes the expectation over classes: soft text classification', async () => {
    const { model, examples } = await prepare('text-classification');
    const { tensors } = await collectFisher(model, examples, { ...options, variant: 'soft' }, quietContext);
    const terms: Weighted[] = [];
    for (const example of examples) {
      for (const [label, p] of (await softmaxOf(model, example)).entries()) {
        terms.push({
          weight: p / examples.length,
          examples: [withLabels(example, { kind: 'class', id: label })],
        });
      }
    }
    expectEqual(tensors, await sumOfSquares(model, terms, one));
  });

  it('takes the expectation over all combinations of labels: soft multi-label classification', async () => {
    const { model, examples } = await prepare('multi-label-classification');
    const { tensors } = await collectFisher(model, examples, { ...options, variant: 'soft' }, quietContext);
    const predictor = await createPredictor(model, model.weights, oneThread);
    const terms: Weighted[] = [];
    for (const example of examples) {
      const [logits] = await predictor.predict([example], { batchSize: 1 }, quietContext);
      const p = [...(logits ?? [])].map((logit) => 1 / (1 + Math.exp(-logit)));
      for (let bits = 0; bits < 8; bits++) {
        const flags = Float32Array.from(p, (_, label) => (bits >> label) & 1);
        const weight = p.reduce((product, own, label) => product * (flags[label] === 1 ? own : 1 - own), 1);
        terms.push({
          weight: weight / examples.length,
          examples: [withLabels(example, { kind: 'flags', flags })],
        });
      }
    }
    await predictor.dispose();
    expectEqual(tensors, await sumOfSquares(model, terms, () => 3));
  });

  it('takes the labels that the model finds most probable: hard', async () => {
    const { model, examples } = await prepare('text-classification', false);
    const { tensors } = await collectFisher(model, examples, { ...options, variant: 'hard' }, quietContext);
    const terms: Weighted[] = [];
    for (const example of examples) {
      const p = await softmaxOf(model, example);
      const label = p.indexOf(Math.max(...p));
      terms.push({
        weight: 1 / examples.length,
        examples: [withLabels(example, { kind: 'class', id: label })],
      });
    }
    expectEqual(tensors, await sumOfSquares(model, terms, one));
  });

  it('draws tags from the model, equal seeds alike: soft token classification', async () => {
    const { model, examples } = await prepare('token-classification', false);
    const collect = (seed: number) =>
      collectFisher(model, examples, { ...options, variant: 'soft', seed }, quietContext);
    const bias = async (seed: number): Promise<number[]> => [
      ...((await collect(seed)).tensors.get('classifier.bias')?.data ?? []),
    ];
    expect(await bias(1)).toEqual(await bias(1));
    expect(await bias(1)).not.toEqual(await bias(2));
  });

  it.each([
    'text-classification',
    'multi-label-classification',
    'regression',
    'token-classification',
    'text2text',
    'causal-lm',
  ] as const)(
    'with the reduction batch is the mean over batches of the squared gradient of the mean loss: %s',
    async (task) => {
      const { model, examples } = await prepare(task);
      const { tensors } = await collectFisher(
        model,
        examples,
        {
          ...options,
          reduction: 'batch',
          batchSize: 8,
        },
        quietContext,
      );
      expectEqual(tensors, await sumOfSquares(model, [{ weight: 1, examples }], one));
    },
  );

  it('reads no more examples than asked for', async () => {
    const { model, examples } = await prepare('text-classification');
    expect((await collectFisher(model, examples, { ...options, examples: 2 }, quietContext)).examples).toBe(
      2,
    );
  });

  it('refuses what a task or data cannot have', async () => {
    const unlabelled = await prepare('text-classification', false);
    await expect(collectFisher(unlabelled.model, unlabelled.examples, options, quietContext)).rejects.toThrow(
      /--fisher empirical: needs labels, .*text-classification.jsonl, row 1 has none/,
    );
    const scores = await prepare('regression');
    await expect(
      collectFisher(scores.model, scores.examples, { ...options, variant: 'hard' }, quietContext),
    ).rejects.toThrow('--fisher hard: is zero for regression');
    await expect(
      collectFisher(
        scores.model,
        scores.examples,
        { ...options, variant: 'soft', reduction: 'batch' },
        quietContext,
      ),
    ).rejects.toThrow('--fisher soft: an expectation over labels needs the reduction example');
  });
});
