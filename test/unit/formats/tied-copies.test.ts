import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { withModel } from '../../../shared/formats/open-model.ts';
import type { Model } from '../../../shared/models/model-folder.ts';
import type { TensorToWrite } from '../../../shared/safetensors/write-safetensors.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { copyModel, type NamedTensor } from '../../support/copy-model.ts';
import { torchFixtureFolder } from '../../support/torch-fixture.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-tied-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Fixture, task, the table of word embeddings, and the other name that checkpoints hold it by. */
const tied: readonly (readonly [string, TaskKind, string, string])[] = [
  ['gpt2-causal-lm', 'causal-lm', 'transformer.wte.weight', 'lm_head.weight'],
  ['qwen3-causal-lm', 'causal-lm', 'model.embed_tokens.weight', 'lm_head.weight'],
  ['t5-text2text', 'text2text', 'shared.weight', 'encoder.embed_tokens.weight'],
  ['t5-text2text', 'text2text', 'shared.weight', 'lm_head.weight'],
  ['bert-masked-lm', 'masked-lm', 'bert.embeddings.word_embeddings.weight', 'cls.predictions.decoder.weight'],
  ['bert-masked-lm', 'masked-lm', 'cls.predictions.bias', 'cls.predictions.decoder.bias'],
  ['roberta-masked-lm', 'masked-lm', 'roberta.embeddings.word_embeddings.weight', 'lm_head.decoder.weight'],
  [
    'distilbert-masked-lm',
    'masked-lm',
    'distilbert.embeddings.word_embeddings.weight',
    'vocab_projector.weight',
  ],
];

type Change = (tensors: readonly NamedTensor[]) => readonly TensorToWrite[];
const copyOf =
  (table: string, copy: string, scale = 1): Change =>
  (tensors) =>
    tensors.flatMap((own) =>
      own.name === table
        ? [own, { ...own, name: copy, data: own.data.map((value) => scale * value) }]
        : [own],
    );
const renamed =
  (table: string, copy: string): Change =>
  (tensors) =>
    tensors.map((own) => (own.name === table ? { ...own, name: copy } : own));

async function modelWith(fixture: string, task: TaskKind, change: Change): Promise<Model> {
  await copyModel(torchFixtureFolder(fixture), folder, change);
  return (await loadModel(folder, { task })).model;
}
const fingerprint = (path: string): Promise<string> => withModel(path, (model) => model.fingerprint());

describe.each(tied)('%s (%s): %s stored as %s', (fixture, task, table, copy) => {
  const original = torchFixtureFolder(fixture);

  it.each([
    ['too', copyOf(table, copy)],
    ['alone', renamed(table, copy)],
  ])('%s is the same model', async (_, change) => {
    const whole = (await loadModel(original, { task })).model;
    expect((await modelWith(fixture, task, change)).weights).toEqual(whole.weights);
    expect(await fingerprint(folder)).toBe(await fingerprint(original));
    const names = await withModel(folder, async ({ weights }) => [...weights.tensors.keys()]);
    expect(names).toContain(table);
    expect(names).not.toContain(copy);
  });
});

describe('a tied copy with values of its own', () => {
  it('is the head, as transformers has it, and config.json then says so', async () => {
    const table = 'transformer.wte.weight';
    const model = await modelWith('gpt2-causal-lm', 'causal-lm', copyOf(table, 'lm_head.weight', 2));
    const words = model.weights.get(table)?.data ?? new Float32Array();
    expect(model.weights.get('lm_head.weight')?.data).toEqual(words.map((value) => 2 * value));
    expect(JSON.parse(model.configText)).toMatchObject({ tie_word_embeddings: false });
  });

  it('leaves the outputs of a T5 decoder scaled as they were, as transformers 5 has it', async () => {
    const model = await modelWith('t5-text2text', 'text2text', copyOf('shared.weight', 'lm_head.weight', 2));
    expect(model.config).toMatchObject({ tied: false, scaled: true });
    expect(JSON.parse(model.configText)).toMatchObject({
      tie_word_embeddings: false,
      scale_decoder_outputs: true,
    });
    expect(model.architecture.parseConfig(JSON.parse(model.configText))).toEqual(model.config);
  });

  it('is refused where the network has no head of its own', async () => {
    const change = copyOf('bert.embeddings.word_embeddings.weight', 'cls.predictions.decoder.weight', 2);
    await expect(modelWith('bert-masked-lm', 'masked-lm', change)).rejects.toThrow(
      `${folder}: cls.predictions.decoder.weight must equal bert.embeddings.word_embeddings.weight, which it is tied to here, differs`,
    );
  });

  it('does no harm in a head that the task has not', async () => {
    const change = copyOf('bert.embeddings.word_embeddings.weight', 'cls.predictions.decoder.weight', 2);
    const whole = await loadModel(torchFixtureFolder('bert-text-classification'), {
      task: 'text-classification',
    });
    const model = await modelWith('bert-text-classification', 'text-classification', change);
    expect(model.weights).toEqual(whole.model.weights);
  });
});

describe('a T5 whose config.json denies that the head is tied', () => {
  const tables = ['shared.weight', 'lm_head.weight', 'decoder.embed_tokens.weight'];

  it.each(tables)('has it tied where %s alone is there, as transformers 5 has it', async (name) => {
    await copyModel(torchFixtureFolder('t5-text2text'), folder, renamed('shared.weight', name));
    const path = join(folder, 'config.json');
    const denied = { ...JSON.parse(await readFile(path, 'utf8')), tie_word_embeddings: false };
    await writeFile(path, JSON.stringify(denied));
    const { config, configText, weights, architecture } = (await loadModel(folder, { task: 'text2text' }))
      .model;
    expect(config).toMatchObject({ tied: true, scaled: false });
    expect([...weights.keys()]).toContain('shared.weight');
    expect([...weights.keys()]).not.toContain('lm_head.weight');
    expect(JSON.parse(configText)).toMatchObject({ tie_word_embeddings: true, scale_decoder_outputs: false });
    expect(architecture.parseConfig(JSON.parse(configText))).toEqual(config);
  });
});
