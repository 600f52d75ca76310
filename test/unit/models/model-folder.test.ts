import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeJson } from '../../../shared/files/json-text.ts';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { readConfigJson } from '../../../shared/models/config-json.ts';
import { createModel, saveModel } from '../../../shared/models/model-folder.ts';
import { copyModel } from '../../support/copy-model.ts';
import { torchFixtureFolder } from '../../support/torch-fixture.ts';

const bertClassifier = torchFixtureFolder('bert-text-classification');
const bertMaskedLm = torchFixtureFolder('bert-masked-lm');
const labels = ['buy', 'sell'];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-model-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('loadModel', () => {
  it('reads the labels of the head from config.json', async () => {
    const { model, initialized, surplus } = await loadModel(bertClassifier, { task: 'text-classification' });
    expect(model.classes).toEqual(['negative', 'neutral', 'positive']);
    expect([...model.headParameters]).toEqual(
      expect.arrayContaining(['bert.pooler.dense.weight', 'classifier.bias']),
    );
    expect({ initialized, surplus }).toEqual({ initialized: [], surplus: [] });
  });

  it('makes a missing head from the seed, the same one every time, and says what it left out', async () => {
    const request = { task: 'text-classification', classes: labels, headSeed: 5 } as const;
    const first = await loadModel(bertMaskedLm, request);
    const second = await loadModel(bertMaskedLm, request);
    const other = await loadModel(bertMaskedLm, { ...request, headSeed: 6 });
    expect([...first.initialized].sort()).toEqual([
      'bert.pooler.dense.bias',
      'bert.pooler.dense.weight',
      'classifier.bias',
      'classifier.weight',
    ]);
    expect(first.surplus).toContain('cls.predictions.transform.dense.weight');
    const weightOf = ({ model }: typeof first) => model.weights.get('classifier.weight');
    expect(weightOf(first)?.shape).toEqual([2, 24]);
    expect(weightOf(second)).toEqual(weightOf(first));
    expect(weightOf(other)).not.toEqual(weightOf(first));
  });

  it('refuses a missing head without a seed, naming each parameter', async () => {
    await expect(loadModel(bertMaskedLm, { task: 'text-classification', classes: labels })).rejects.toThrow(
      'classifier.weight [2, 24] is missing; classifier.bias [2] is missing',
    );
  });

  it('refuses an encoder tensor of another shape, whatever the seed', async () => {
    const name = 'bert.encoder.layer.1.output.dense.weight';
    await copyModel(bertClassifier, folder, (tensors) =>
      tensors.map((tensor) => (tensor.name === name ? { ...tensor, shape: [16, 96] } : tensor)),
    );
    await expect(loadModel(folder, { task: 'text-classification', headSeed: 1 })).rejects.toThrow(
      `${name} must be [32, 48], got [16, 96]`,
    );
  });

  it('reads old names of LayerNorm parameters, and ignores buffers and tied copies', async () => {
    const modern = await loadModel(bertMaskedLm, { task: 'masked-lm' });
    const oldName = (name: string): string =>
      name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta');
    const positions = {
      name: 'bert.embeddings.position_ids',
      shape: [1, 2],
      data: BigInt64Array.of(0n, 1n),
    };
    await copyModel(bertMaskedLm, folder, (tensors) => [
      ...tensors.map((tensor) => ({ ...tensor, name: oldName(tensor.name) })),
      ...tensors.flatMap((tensor) =>
        tensor.name.endsWith('word_embeddings.weight')
          ? [{ ...tensor, name: 'cls.predictions.decoder.weight' }]
          : [],
      ),
      positions,
    ]);
    const old = await loadModel(folder, { task: 'masked-lm' });
    expect(old.surplus).toEqual([]);
    expect([...old.model.weights]).toEqual([...modern.model.weights]);
  });

  it('reads a config.json that begins with a byte order mark', async () => {
    await copyModel(bertClassifier, folder, (tensors) => tensors);
    const path = join(folder, 'config.json');
    await writeFile(path, `\uFEFF${await readFile(path, 'utf8')}`);
    const { model } = await loadModel(folder, { task: 'text-classification' });
    expect(model.classes).toEqual(['negative', 'neutral', 'positive']);
  });

  it.each([
    ['bert-text-classification', 'text-classification', 'pad_token_id', 999],
    ['bert-text-classification', 'text-classification', 'pad_token_id', -1],
    ['t5-text2text', 'text2text', 'decoder_start_token_id', 999],
  ] as const)('refuses %s for %s with %s %i', async (fixture, task, field, id) => {
    await copyModel(torchFixtureFolder(fixture), folder, (tensors) => tensors);
    const config = await readConfigJson(folder);
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, [field]: id }));
    await expect(loadModel(folder, { task })).rejects.toThrow(
      `${folder}: config.json: ${field}: must be below the vocabulary size ${config.vocab_size}, got ${id}`,
    );
  });

  it('refuses a model_type it has no code for', async () => {
    await copyModel(bertClassifier, folder, (tensors) => tensors);
    await writeFile(join(folder, 'config.json'), '{"model_type": "mamba"}');
    await expect(loadModel(folder, { task: 'masked-lm' })).rejects.toThrow(
      /: config\.json: model_type must be one of bert, roberta, .*, got mamba$/,
    );
  });

  it('names the folder whose config.json has a bad field', async () => {
    await copyModel(bertClassifier, folder, (tensors) => tensors);
    const config = await readConfigJson(folder);
    for (const [field, value, problem] of [
      ['vocab_size', 'many', 'vocab_size: must be a number, got "many"'],
      ['hidden_act', 'sine', 'activation must be one of gelu'],
    ] as const) {
      await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, [field]: value }));
      await expect(loadModel(folder, { task: 'masked-lm' })).rejects.toThrow(
        `${folder}: config.json: ${problem}`,
      );
    }
  });

  it('refuses a config.json that is not UTF-8, naming the byte', async () => {
    await copyModel(bertClassifier, folder, (tensors) => tensors);
    const text = JSON.stringify({ ...(await readConfigJson(folder)), id2label: { 0: 'großartig', 1: 'b' } });
    await writeFile(join(folder, 'config.json'), Buffer.from(text, 'latin1'));
    await expect(loadModel(folder, { task: 'masked-lm' })).rejects.toThrow(
      `${folder}/config.json: must be UTF-8, got the byte 0xDF at offset ${text.indexOf('ß')} (line 1)`,
    );
  });

  it('refuses labels that are not numbered from 0', async () => {
    await copyModel(bertClassifier, folder, (tensors) => tensors);
    const config = await readConfigJson(folder);
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, id2label: { 1: 'a', 2: 'b' } }));
    await expect(loadModel(folder, { task: 'text-classification' })).rejects.toThrow(
      'id2label must number its 2 labels from 0, got no label 0',
    );
  });

  it('says what a model folder is when there is none', async () => {
    await expect(loadModel(join(folder, 'nothing'), { task: 'masked-lm' })).rejects.toThrow(
      'must be a Hugging Face model folder with config.json',
    );
  });
});

describe('saveModel', () => {
  it('writes a folder that loads as the same model and keeps unknown fields of config.json', async () => {
    const { model } = await loadModel(torchFixtureFolder('distilbert-token-classification'), {
      task: 'token-classification',
    });
    await saveModel(folder, { ...model, configText: changeJson(model.configText, { custom: [1, 2] }) });
    const again = await loadModel(folder, { task: 'token-classification' });
    expect([...again.model.weights]).toEqual([...model.weights]);
    expect(again.model.classes).toEqual(model.classes);
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
    expect(config).toMatchObject({
      custom: [1, 2],
      architectures: ['DistilBertForTokenClassification'],
      id2label: { 0: 'O', 4: 'I-LOC' },
      label2id: { O: 0, 'I-LOC': 4 },
    });
  });

  it('stores float16 within half a unit of its last place', async () => {
    const { model } = await loadModel(bertClassifier, { task: 'text-classification' });
    await saveModel(folder, model, { dtype: 'F16' });
    const again = await loadModel(folder, { task: 'text-classification' });
    const smallestNormal = 2 ** -14;
    for (const [name, tensor] of model.weights) {
      const stored = again.model.weights.get(name)?.data ?? new Float32Array();
      const errors = tensor.data.map(
        (x, i) => Math.abs(x - (stored[i] as number)) / Math.max(Math.abs(x), smallestNormal),
      );
      expect(Math.max(...errors), name).toBeLessThanOrEqual(2 ** -11);
    }
  });
});

describe('createModel', () => {
  it('draws weights with the initializer range; LayerNorm begins as the identity', async () => {
    const model = createModel(await readConfigJson(bertMaskedLm), 'masked-lm', [], 3);
    const words = model.weights.get('bert.embeddings.word_embeddings.weight')?.data ?? new Float32Array();
    const deviation = Math.sqrt(words.reduce((sum, x) => sum + x * x, 0) / words.length);
    expect(deviation).toBeGreaterThan(0.018);
    expect(deviation).toBeLessThan(0.022);
    expect(new Set(model.weights.get('bert.embeddings.LayerNorm.weight')?.data)).toEqual(new Set([1]));
    expect(new Set(model.weights.get('bert.embeddings.LayerNorm.bias')?.data)).toEqual(new Set([0]));
  });
});
