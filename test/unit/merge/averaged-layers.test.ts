/** @file A linear layer of the network without a Gram is never averaged without a word. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { type LinearLayer, linearLayersOf } from '../../../shared/models/linear-layers.ts';
import { createModel } from '../../../shared/models/model-folder.ts';
import type { TensorToWrite } from '../../../shared/safetensors/write-safetensors.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { quietContext } from '../../support/run-context.ts';
import { readWeights, tinyConfig } from '../../support/tiny-model.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-averaged-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const bert = { ...tinyConfig, architectures: ['BertForSequenceClassification'] };
const gpt2 = {
  ...{ model_type: 'gpt2', architectures: ['GPT2LMHeadModel'], vocab_size: 8, n_embd: 4, n_layer: 1 },
  ...{ n_head: 2, n_positions: 8 },
};
const layer = 'bert.encoder.layer.0.output.dense';

/** A Gram as hooks in PyTorch make it: square, 1 + share on the diagonal, share beside it. */
function gramOf(name: string, size: number, share: number): TensorToWrite {
  const data = Float32Array.from({ length: size * size }, (_, at) =>
    at % (size + 1) === 0 ? 1 + share : share,
  );
  return { name, shape: [size, size], data };
}

/** A model folder with Grams of the layers that `nameOf` gives a name, each by itself. */
async function write(
  agent: string,
  config: object,
  task: TaskKind,
  nameOf: (own: LinearLayer) => string | null,
  more: readonly TensorToWrite[] = [],
): Promise<string> {
  const labels = task === 'text-classification' ? ['no', 'yes'] : [];
  const model = createModel({ ...config }, task, labels, agent.length);
  const grams = linearLayersOf(model).flatMap((own) => {
    const name = own.gram === null ? null : nameOf(own);
    return name === null ? [] : [gramOf(name, own.inputs, agent.length / 10)];
  });
  return writeContributionFolder(join(root, agent), {
    tensors: [...model.weights].map(([name, tensor]) => ({ name, ...tensor })),
    grams: [...grams, ...more],
    config: { ...config, id2label: { 0: 'no', 1: 'yes' } },
  });
}

async function merge(folders: readonly string[], options: Partial<MergeOptions> = {}) {
  const out = join(root, 'fused');
  return mergeContributions(folders, { method: 'regmean', out, ...options }, quietContext);
}

const both = async (
  config: object,
  task: TaskKind,
  nameOf: (own: LinearLayer) => string | null,
  more: readonly TensorToWrite[] = [],
): Promise<string[]> => [
  await write('north', config, task, nameOf, more),
  await write('south', config, task, nameOf, more),
];

const whole = ({ module }: LinearLayer): string => module;
const without =
  (...names: string[]) =>
  ({ module }: LinearLayer): string | null =>
    names.includes(module) ? null : module;

describe('a linear layer without a Gram', () => {
  it('is refused, naming the layer and what to do', async () => {
    const folders = await both(bert, 'text-classification', without(layer, 'classifier'));
    await expect(merge(folders)).rejects.toMatchObject({
      code: 'invalid-input',
      message: `${folders[0]}/grams.safetensors: no Gram of linear layers ${layer}, classifier`,
      hint: expect.stringContaining('--average'),
    });
  });

  it('is averaged where that is asked for, which report and model card say', async () => {
    const folders = await both(bert, 'text-classification', without(layer));
    const report = await merge(folders, { average: [layer] });
    const reason = 'averaged as asked';
    expect(report.parameters.averagedLayers).toEqual([{ layer, reason }]);
    expect(await readFile(join(root, 'fused', 'README.md'), 'utf8')).toContain(
      `| \`${layer}\` | ${reason} |`,
    );
    const [a, b, fused] = await Promise.all(
      [...folders, join(root, 'fused')].map(async (own) => (await readWeights(own)).get(`${layer}.weight`)),
    );
    const mean = (Number(a?.data[5]) + Number(b?.data[5])) / 2;
    expect(fused?.data[5]).toBeCloseTo(mean, 6);
  });

  it('that no Gram can describe is averaged with the table whose rows it multiplies with', async () => {
    const { parameters } = await merge(await both(gpt2, 'causal-lm', whole));
    expect(parameters.averagedLayers).toEqual([
      { layer: 'transformer.wte', reason: 'its weight is a table of embeddings too' },
    ]);
    expect(parameters.solved).toBe(4);
  });

  it('is not asked for in the head that every agent keeps', async () => {
    const isOfHead = ({ kind, module }: LinearLayer): string | null => (kind === 'head' ? null : module);
    const folders = await both(bert, 'text-classification', isOfHead);
    const { parameters } = await merge(folders, { heads: 'separate' });
    expect(parameters).toMatchObject({ solved: 6, averagedLayers: [] });
  });
});

describe('Grams of other names', () => {
  it.each<[string, (module: string) => string]>([
    ['of the bare backbone', (module) => module.replace(/^bert\./, '')],
    ['of a wrapper', (module) => `module.${module}`],
  ])('%s are found', async (_, rename) => {
    const plain = (await merge(await both(bert, 'text-classification', whole))).files['model.safetensors'];
    const folders = await both(bert, 'text-classification', ({ module }) => rename(module));
    const report = await merge(folders);
    expect(report.parameters).toMatchObject({ solved: 8, averagedLayers: [], unusedGrams: [] });
    expect(report.files['model.safetensors']).toEqual(plain);
  });

  it('that are no layer of the model are reported', async () => {
    const report = await merge(await both(gpt2, 'causal-lm', whole, [gramOf('lm_head', 4, 1)]));
    expect(report.parameters.unusedGrams).toEqual(['lm_head']);
    expect(await readFile(join(root, 'fused', 'README.md'), 'utf8')).toContain('were not used: `lm_head`.');
  });

  it('are refused where none is one of the model, with names that were looked for and that are there', async () => {
    const folders = await both(bert, 'text-classification', ({ module }) => `other.${module}`);
    const self = 'bert.encoder.layer.0.attention.self';
    await expect(merge(folders)).rejects.toMatchObject({
      message:
        `${folders[0]}/grams.safetensors: no Gram belongs to a parameter of the models: looked for ` +
        `${self}.query, ${self}.key, ${self}.value, bert.encoder.layer.0.attention.output.dense, ` +
        `bert.encoder.layer.0.intermediate.dense and 3 more, there are other.${self}.query, other.${self}.key, ` +
        `other.${self}.value, other.bert.encoder.layer.0.attention.output.dense, ` +
        'other.bert.encoder.layer.0.intermediate.dense and 3 more, which are no layers of the model',
    });
  });
});

describe('a model family that is not known', () => {
  const unknown = { ...bert, model_type: 'somebody-elses' };
  const written = async (grams: readonly TensorToWrite[]): Promise<string[]> =>
    Promise.all(
      ['north', 'south'].map((agent) =>
        writeContributionFolder(join(root, agent), {
          tensors: [
            { name: 'dense.weight', shape: [1, 2], data: Float32Array.of(agent.length, 2) },
            { name: 'words.weight', shape: [3, 2], data: new Float32Array(6) },
          ],
          grams,
          config: unknown,
        }),
      ),
    );

  it('has matrices averaged that may be linear layers, which the report says', async () => {
    const { parameters } = await merge(await written([gramOf('dense', 2, 0.5)]));
    expect(parameters.averagedLayers).toEqual([
      {
        layer: 'words.weight',
        reason: 'it may be a linear layer: the model family somebody-elses is not known',
      },
    ]);
  });

  it('has its Grams refused where none is named like a parameter', async () => {
    const folders = await written([gramOf('other', 2, 0.5)]);
    await expect(merge(folders)).rejects.toThrow(
      'no Gram belongs to a parameter of the models: looked for other.weight, there are dense.weight, words.weight',
    );
  });
});
