import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectFisher } from '../../../../agent/statistics/collect-fisher.ts';
import { collectOutputGrams } from '../../../../agent/statistics/collect-output-grams.ts';
import type { FisherVariant } from '../../../../shared/contribution/fisher.ts';
import { unpackSymmetric } from '../../../../shared/contribution/gram-packing.ts';
import type { OutputGramsToWrite } from '../../../../shared/contribution/write-contribution.ts';
import type { EncodedExample } from '../../../../shared/examples/example.ts';
import { loadModel } from '../../../../shared/formats/load-model.ts';
import { loadModelExamples } from '../../../../shared/inference/load-examples.ts';
import type { Model } from '../../../../shared/models/model-folder.ts';
import type { TaskKind } from '../../../../shared/task.ts';
import type { FloatTensor } from '../../../../shared/tensor.ts';
import { fixtureRows } from '../../../support/fixture-rows.ts';
import { quietContext } from '../../../support/run-context.ts';
import { writeRows } from '../../../support/tiny-model.ts';
import {
  type ExpectedTensor,
  readExpectedTensors,
  torchFixtureFolder,
  withPrefix,
} from '../../../support/torch-fixture.ts';
import '../../../support/allclose.ts';

const options = { examples: 100, seed: 1 } as const;

let folder: string;
let expected: ReadonlyMap<string, ExpectedTensor>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-output-grams-'));
  expected = await readExpectedTensors(join(torchFixtureFolder('output-grams'), 'expected.safetensors'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Prepared {
  readonly model: Model;
  readonly examples: readonly EncodedExample[];
}

async function prepare(name: string, task: TaskKind, labelled = true): Promise<Prepared> {
  const path = torchFixtureFolder(name);
  const { model } = await loadModel(path, { task });
  const files = [await writeRows(join(folder, `${name}.jsonl`), await fixtureRows(name, task))];
  const { examples } = await loadModelExamples(model, { files, modelFolder: path, labelled });
  return { model, examples };
}

/** H of every layer: means over examples. */
function meansOf({ grams, examples }: OutputGramsToWrite): ReadonlyMap<string, FloatTensor> {
  return new Map(
    grams.map(({ name, dimension, packed, rows }) => {
      expect(rows).toBe(examples);
      const sums = unpackSymmetric(packed as Float32Array, dimension);
      const data = Float32Array.from(sums, (value) => value / examples);
      return [name, { shape: [dimension, dimension], data }];
    }),
  );
}

const cases: readonly (readonly [name: string, task: TaskKind, variant: FisherVariant, what: string])[] = [
  ['bert-text-classification', 'text-classification', 'empirical', 'labels of the data'],
  ['bert-text-classification', 'text-classification', 'soft', 'all labels'],
  ['gpt2-text-classification', 'text-classification', 'empirical', 'weights stored as [in, out]'],
  ['gpt2-text-classification', 'text-classification', 'soft', 'joined projections'],
  ['albert-text-classification', 'text-classification', 'soft', 'layers that are used several times'],
  ['deberta-v2-text-classification', 'text-classification', 'soft', 'rows of positions left out'],
  ['bert-multi-label-classification', 'multi-label-classification', 'soft', 'labels that do not exclude'],
  ['bert-regression', 'regression', 'soft', 'values'],
  ['distilbert-token-classification', 'token-classification', 'empirical', 'a class per token'],
  ['llama-causal-lm', 'causal-lm', 'empirical', 'a token that follows'],
  ['t5-text2text', 'text2text', 'empirical', 'an encoder and a decoder'],
];

describe('output Grams', () => {
  it.each(cases)('%s (%s, %s): those of PyTorch, of %s', async (name, task, variant) => {
    const { model, examples } = await prepare(name, task, variant === 'empirical');
    const collected = await collectOutputGrams(model, examples, { ...options, variant }, quietContext);
    const wanted = withPrefix(expected, `${name}.${variant}.`);
    // As many outputs as there are tokens: nobody could send it.
    wanted.delete('lm_head');
    const found = meansOf(collected);
    expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
    for (const [module, matrix] of wanted) {
      expect(found.get(module)).toBeAllclose(matrix, { rtol: 1e-5, name: module });
    }
    expect(collected).toMatchObject({ variant, examples: examples.length });
  });

  it('have on the diagonal the diagonal Fisher information of the bias, where there is one row', async () => {
    const { model, examples } = await prepare('bert-text-classification', 'text-classification', false);
    const variant = 'hard';
    const { tensors } = await collectFisher(
      model,
      examples,
      { ...options, variant, reduction: 'example', batchSize: 1 },
      quietContext,
    );
    const found = meansOf(await collectOutputGrams(model, examples, { ...options, variant }, quietContext));
    for (const module of ['bert.pooler.dense', 'classifier']) {
      const { shape, data } = found.get(module) as FloatTensor;
      const [n = 0] = shape;
      const diagonal = Float32Array.from({ length: n }, (_, at) => data[at * (n + 1)] as number);
      expect({ shape: [n], data: diagonal }).toBeAllclose(tensors.get(`${module}.bias`) as FloatTensor, {
        rtol: 1e-5,
      });
    }
  });

  it('read no more examples than asked for', async () => {
    const { model, examples } = await prepare('bert-text-classification', 'text-classification');
    const few = { ...options, examples: 2, variant: 'empirical' } as const;
    expect((await collectOutputGrams(model, examples, few, quietContext)).examples).toBe(2);
  });

  it('say which layers have none', async () => {
    const { model, examples } = await prepare('llama-causal-lm', 'causal-lm');
    const notes: string[] = [];
    const context = { ...quietContext, note: (text: string) => notes.push(text) };
    await collectOutputGrams(model, examples, { ...options, variant: 'hard' }, context);
    expect(notes).toEqual([
      'output Grams: none of lm_head, a class per token: merging takes its inputs alone',
    ]);
  });

  it('refuse what a task or data cannot have', async () => {
    const { model, examples } = await prepare('bert-text-classification', 'text-classification', false);
    const empirical = { ...options, variant: 'empirical' } as const;
    await expect(collectOutputGrams(model, examples, empirical, quietContext)).rejects.toThrow(
      /--output-grams empirical: needs labels, .*bert-text-classification.jsonl, row 1 has none/,
    );
    const values = await prepare('bert-regression', 'regression');
    const hard = { ...options, variant: 'hard' } as const;
    await expect(collectOutputGrams(values.model, values.examples, hard, quietContext)).rejects.toThrow(
      '--output-grams hard: is zero for regression',
    );
  });
});
