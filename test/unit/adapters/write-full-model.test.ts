import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFullModel } from '../../../shared/adapters/write-full-model.ts';
import { baseIdentity } from '../../../shared/contribution/base-identity.ts';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { createModel, saveModel } from '../../../shared/models/model-folder.ts';
import type { FloatTensor } from '../../../shared/tensor.ts';
import { randomTensor, writeAdapter } from '../../support/adapter-folder.ts';
import '../../support/allclose.ts';
import { readWeights, tinyConfig, writeTinyBase } from '../../support/tiny-model.ts';

const query = 'bert.encoder.layer.0.attention.self.query';
const value = 'bert.encoder.layer.0.attention.self.value';
const hidden = tinyConfig.hidden_size;
let folder: string;
let base: string;
const at = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-adapter-'));
  base = await writeTinyBase(at('base'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const a = (seed = 1, rank = 2, inputs = hidden): FloatTensor => randomTensor([rank, inputs], seed);
const b = (seed = 2, rank = 2, outputs = hidden): FloatTensor => randomTensor([outputs, rank], seed);
const classifier = {
  'bert.pooler.dense.weight': randomTensor([hidden, hidden], 10),
  'bert.pooler.dense.bias': randomTensor([hidden], 11),
  'classifier.weight': randomTensor([3, hidden], 8),
  'classifier.bias': randomTensor([3], 9),
};

async function merge(adapter: string, changes: object = {}): Promise<ReadonlyMap<string, FloatTensor>> {
  const options = { adapter, base, task: 'text-classification', out: at('full'), ...changes } as const;
  await writeFullModel(options);
  return readWeights(options.out);
}

/** W + s B A in plain float64. */
function updated(
  weight: FloatTensor | undefined,
  down: FloatTensor,
  up: FloatTensor,
  scaling: number,
): FloatTensor {
  const [rows = 0, columns = 0] = weight?.shape ?? [];
  const rank = down.shape[0] ?? 0;
  const data = Float32Array.from({ length: rows * columns }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    let sum = weight?.data[index] ?? Number.NaN;
    for (let k = 0; k < rank; k++) {
      sum += scaling * (up.data[row * rank + k] ?? 0) * (down.data[k * columns + column] ?? 0);
    }
    return sum;
  });
  return { shape: [rows, columns], data };
}

function expectClose(actual: FloatTensor | undefined, expected: FloatTensor): void {
  expect(actual).toBeDefined();
  expect(actual ?? expected).toBeAllclose(expected, { rtol: 1e-6, name: 'weight' });
}

describe('writeFullModel', () => {
  it('adds alpha / r times B A to the adapted weights, takes saved modules, and keeps the rest', async () => {
    const adapter = await writeAdapter(
      at('lora'),
      { [`${query}.lora_A.weight`]: a(), [`${query}.lora_B.weight`]: b(), ...classifier },
      { target_modules: ['query'], modules_to_save: ['classifier', 'pooler'] },
    );
    const before = await readWeights(base);
    const after = await merge(adapter, { labels: ['x', 'y', 'z'] });
    expectClose(after.get(`${query}.weight`), updated(before.get(`${query}.weight`), a(), b(), 4));
    expect(after.get(`${value}.weight`)).toEqual(before.get(`${value}.weight`));
    expect(after.get('classifier.weight')).toEqual(classifier['classifier.weight']);
    const { model } = await loadModel(at('full'), { task: 'text-classification' });
    expect(model.classes).toEqual(['x', 'y', 'z']);
    expect(JSON.parse(await readFile(at('full/training.json'), 'utf8'))).toEqual({
      task: 'text-classification',
      labels: ['x', 'y', 'z'],
      ...(await baseIdentity(base)),
    });
  });

  it('takes rank and alpha of a module from their patterns, and the square root of the rank with rsLoRA', async () => {
    const adapter = await writeAdapter(
      at('lora'),
      {
        [`${query}.lora_A.weight`]: a(1, 4),
        [`${query}.lora_B.weight`]: b(2, 4),
        [`${value}.lora_A.default.weight`]: a(3),
        [`${value}.lora_B.default.weight`]: b(4),
        ...classifier,
      },
      {
        rank_pattern: { 'self.query': 4 },
        alpha_pattern: { '.*value': 3 },
        use_rslora: true,
        modules_to_save: ['classifier', 'pooler'],
      },
    );
    const before = await readWeights(base);
    const after = await merge(adapter);
    expectClose(after.get(`${query}.weight`), updated(before.get(`${query}.weight`), a(1, 4), b(2, 4), 4));
    expectClose(
      after.get(`${value}.weight`),
      updated(before.get(`${value}.weight`), a(3), b(4), 3 / Math.SQRT2),
    );
  });

  it("gives each row its magnitude with DoRA, replaces biases, and updates embeddings' columns", async () => {
    const words = 'bert.embeddings.word_embeddings';
    const magnitude = { shape: [hidden], data: Float32Array.from({ length: hidden }, (_, row) => 1 + row) };
    const bias = randomTensor([hidden], 5);
    const adapter = await writeAdapter(
      at('lora'),
      {
        [`${query}.lora_A.weight`]: a(),
        [`${query}.lora_B.weight`]: b(),
        [`${query}.lora_magnitude_vector`]: magnitude,
        [`${query}.base_layer.bias`]: bias,
        'bert.pooler.dense.weight': classifier['bert.pooler.dense.weight'],
        'bert.pooler.dense.bias': classifier['bert.pooler.dense.bias'],
        'classifier.modules_to_save.default.weight': classifier['classifier.weight'],
        'classifier.modules_to_save.default.bias': classifier['classifier.bias'],
        'classifier.original_module.bias': randomTensor([7], 1),
      },
      { use_dora: true, modules_to_save: ['classifier', 'pooler'] },
    );
    const before = await readWeights(base);
    const after = await merge(adapter);
    const plain = updated(before.get(`${query}.weight`), a(), b(), 4).data;
    const rows = Array.from({ length: hidden }, (_, row) => {
      const own = [...plain.subarray(row * hidden, (row + 1) * hidden)];
      const length = Math.hypot(...own);
      return own.map((entry) => ((1 + row) * entry) / length);
    });
    expectClose(after.get(`${query}.weight`), {
      shape: [hidden, hidden],
      data: Float32Array.from(rows.flat()),
    });
    expect(after.get(`${query}.bias`)).toEqual(bias);
    expect(after.get('classifier.bias')).toEqual(classifier['classifier.bias']);

    const [down, up] = [randomTensor([2, 12], 6), randomTensor([hidden, 2], 7)];
    const embedded = await writeAdapter(
      at('words'),
      {
        [`${words}.lora_embedding_A`]: down,
        [`${words}.lora_embedding_B`]: up,
        ...classifier,
      },
      { modules_to_save: ['classifier', 'pooler'] },
    );
    const table = (await merge(embedded, { out: at('words-full') })).get(`${words}.weight`);
    const expected = Float32Array.from({ length: 12 * hidden }, (_, index) => {
      const [row, column] = [Math.floor(index / hidden), index % hidden];
      const delta = [0, 1].reduce(
        (sum, k) => sum + (down.data[k * 12 + row] ?? 0) * (up.data[column * 2 + k] ?? 0),
        0,
      );
      return (before.get(`${words}.weight`)?.data[index] ?? 0) + 4 * delta;
    });
    expectClose(table, { shape: [12, hidden], data: expected });
  });

  it("turns GPT-2's weights, which are stored [in, out]", async () => {
    const module = 'transformer.h.0.attn.c_attn';
    const config = { model_type: 'gpt2', vocab_size: 9, n_embd: 4, n_layer: 1, n_head: 1 };
    base = at('gpt2');
    await mkdir(base);
    await saveModel(base, createModel(config, 'causal-lm', [], 1));
    const [down, up] = [randomTensor([2, 4], 1), randomTensor([12, 2], 2)];
    const adapter = await writeAdapter(at('lora'), {
      [`${module}.lora_A.weight`]: down,
      [`${module}.lora_B.weight`]: up,
    });
    const before = (await readWeights(base)).get(`${module}.weight`);
    const after = (await merge(adapter, { task: 'causal-lm' })).get(`${module}.weight`);
    for (let input = 0; input < 4; input++) {
      for (let output = 0; output < 12; output++) {
        const delta = [0, 1].reduce(
          (sum, k) => sum + (up.data[output * 2 + k] ?? 0) * (down.data[k * 4 + input] ?? 0),
          0,
        );
        const at = input * 12 + output;
        expect(after?.data[at]).toBeCloseTo((before?.data[at] ?? 0) + 4 * delta, 5);
      }
    }
  });

  it('finds the base that the adapter names, and parameters of a bare backbone', async () => {
    const bare = query.replace('bert.', '');
    const adapter = await writeAdapter(
      at('lora'),
      { [`${bare}.lora_A.weight`]: a(), [`${bare}.lora_B.weight`]: b(), ...classifier },
      { base_model_name_or_path: '../base', modules_to_save: ['classifier', 'pooler'] },
    );
    const before = await readWeights(base);
    await writeFullModel({ adapter, task: 'text-classification', out: at('full') });
    const after = await readWeights(at('full'));
    expectClose(after.get(`${query}.weight`), updated(before.get(`${query}.weight`), a(), b(), 4));
  });

  it('takes the head that older versions of PEFT save without naming it, and no strays', async () => {
    const pair = { [`${query}.lora_A.weight`]: a(), [`${query}.lora_B.weight`]: b() };
    const adapter = await writeAdapter(at('lora'), { ...pair, ...classifier }, { modules_to_save: null });
    const after = await merge(adapter);
    expect(after.get('classifier.weight')).toEqual(classifier['classifier.weight']);
    expect(after.get('bert.pooler.dense.bias')).toEqual(classifier['bert.pooler.dense.bias']);
    const stray = await writeAdapter(at('stray'), { ...pair, ...classifier, 'score.weight': a() });
    await expect(merge(stray, { out: at('stray-full') })).rejects.toThrow('which has no score.weight');
  });

  it('refuses values that are not finite, naming the tensor of the adapter', async () => {
    const nan = { shape: [2, hidden], data: new Float32Array(2 * hidden).fill(Number.NaN, 3) };
    const adapter = await writeAdapter(at('lora'), {
      ...{ [`${query}.lora_A.weight`]: nan, [`${query}.lora_B.weight`]: b() },
      ...classifier,
    });
    await expect(merge(adapter)).rejects.toMatchObject({
      message: expect.stringContaining(
        `tensor base_model.model.${query}.lora_A.weight must be finite, got NaN at element 3`,
      ),
      hint: expect.stringContaining('train it again'),
    });
  });

  it('refuses adapters that it cannot apply, naming the tensor', async () => {
    const pair = { [`${query}.lora_A.weight`]: a(), [`${query}.lora_B.weight`]: b() };
    let count = 0;
    const refusal = async (
      tensors: Record<string, FloatTensor>,
      config: object = {},
      changes = {},
    ): Promise<string> => {
      const adapter = await writeAdapter(at(`bad-${count++}`), tensors, config);
      return merge(adapter, { out: at(`bad-full-${count}`), ...changes }).then(
        () => 'accepted',
        (error: Error) => error.message.replaceAll(folder, ''),
      );
    };
    expect(await refusal(pair, { peft_type: 'IA3' })).toContain('peft_type must be LORA, got IA3');
    expect(await refusal(pair, { init_lora_weights: 'pissa' })).toContain('init_lora_weights must be one of');
    expect(await refusal({ [`${query}.lora_A.weight`]: a() })).toContain(`${query} must have lora_B`);
    expect(await refusal({ ...pair, ...classifier }, { r: 3 })).toContain(
      `tensor base_model.model.${query}.lora_A.weight must be [3, 16] for ${query}.weight [16, 16] and rank 3, got [2, 16]`,
    );
    expect(await refusal(pair, { target_modules: ['query', 'key'] })).toContain(
      `target module ${query.replace('query', 'key')} must have LoRA tensors`,
    );
    expect(await refusal({ ...pair, 'stray.weight': a() })).toContain('which has no stray.weight');
    expect(await refusal({ 'x.lora_A.weight': a(), 'x.lora_B.weight': b() })).toContain(
      'which has no x.weight',
    );
    expect(
      await refusal({ ...pair, ...classifier, [`${query}.lora_magnitude_vector`]: randomTensor([16], 1) }),
    ).toContain('must have a magnitude vector exactly with use_dora');
    expect(
      await refusal(
        { ...pair, ...classifier },
        { modules_to_save: ['classifier', 'pooler'] },
        { labels: ['a'] },
      ),
    ).toContain('--labels: must be 3, the outputs of classifier.weight, got 1');
    expect(await refusal(pair)).toContain('classifier.weight [2, 16] is missing');
    expect(await refusal(pair, { base_model_name_or_path: 'org/x' }, { base: undefined })).toBe(
      `--base: needed: the folder of the base model, /bad-${count - 1} was made from "org/x", seen from the adapter /bad-${count - 1}/org/x, no folder`,
    );
    await rm(at('bad-0/adapter_model.safetensors'));
    await writeFile(at('bad-0/adapter_model.bin'), '');
    await writeFile(at('bad-0/adapter_config.json'), JSON.stringify({ peft_type: 'LORA' }));
    await expect(merge(at('bad-0'), { out: at('none') })).rejects.toThrow(
      'must be safetensors, got only adapter_model.bin',
    );
  });

  it('is what other commands ask for when they are given an adapter', async () => {
    const adapter = await writeAdapter(at('lora'), {
      [`${query}.lora_A.weight`]: a(),
      [`${query}.lora_B.weight`]: b(),
    });
    await expect(loadModel(adapter, { task: 'regression' })).rejects.toMatchObject({
      hint: expect.stringContaining('regmean adapter --model'),
    });
  });
});
