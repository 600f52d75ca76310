import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFullModel } from '../../../shared/adapters/write-full-model.ts';
import type { RegmeanError } from '../../../shared/errors.ts';
import { readConfigJson } from '../../../shared/models/config-json.ts';
import { createModel, saveModel } from '../../../shared/models/model-folder.ts';
import { writeSafetensors } from '../../../shared/safetensors/write-safetensors.ts';
import type { TaskKind } from '../../../shared/task.ts';
import type { FloatTensor } from '../../../shared/tensor.ts';
import { randomTensor, writeAdapter } from '../../support/adapter-folder.ts';
import { readWeights, writeTinyBase } from '../../support/tiny-model.ts';

const query = 'bert.encoder.layer.0.attention.self.query';
const pair = (module: string, outputs = 16, inputs = 16): Record<string, FloatTensor> => ({
  [`${module}.lora_A.weight`]: randomTensor([2, inputs], 1),
  [`${module}.lora_B.weight`]: randomTensor([outputs, 2], 2),
});
const head = {
  'bert.pooler.dense.weight': randomTensor([16, 16], 3),
  'bert.pooler.dense.bias': randomTensor([16], 4),
  'classifier.weight': randomTensor([3, 16], 5),
  'classifier.bias': randomTensor([3], 6),
};

let folder: string;
let count = 0;
const at = (name: string): string => join(folder, name);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-refused-'));
  await writeTinyBase(at('base'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The full model of a base and an adapter, or why there is none. */
async function outcome(
  tensors: Readonly<Record<string, FloatTensor>>,
  config: object = {},
  { base = at('base'), task = 'text-classification' }: { base?: string; task?: TaskKind } = {},
): Promise<{ message: string; hint: string; out: string }> {
  count += 1;
  const adapter = await writeAdapter(at(`adapter-${count}`), tensors, config);
  const out = at(`out-${count}`);
  return writeFullModel({ adapter, base, task, out }).then(
    () => ({ message: 'written', hint: '', out }),
    ({ message, hint }: RegmeanError) => ({
      message: message.replaceAll(adapter, 'ADAPTER').replaceAll(folder, ''),
      hint: hint ?? '',
      out,
    }),
  );
}

async function writeLanguageModel(name: string, changes: object): Promise<string> {
  await mkdir(at(name));
  await saveModel(at(name), createModel({ ...gpt2, ...changes }, 'causal-lm', [], 1));
  return at(name);
}

const gpt2 = { model_type: 'gpt2', vocab_size: 9, n_embd: 4, n_layer: 1, n_head: 1 };
const attention = 'transformer.h.0.attn.c_attn';

describe('an adapter that is not whole', () => {
  it('has no update for a module that its configuration names', async () => {
    const config = { target_modules: ['query', 'value'], layers_to_transform: 0 };
    expect((await outcome({ ...pair(query), ...head }, config)).message).toBe(
      `ADAPTER/adapter_model.safetensors: target module ${query.replace('query', 'value')} must have LoRA tensors, has none`,
    );
    const excluded = { target_modules: ['query', 'value'], exclude_modules: '.*value' };
    expect((await outcome({ ...pair(query), ...head }, excluded)).message).toBe('written');
    const elsewhere = { ...config, target_modules: ['query', 'q_proj'] };
    expect((await outcome({ ...pair(query), ...head }, elsewhere)).message).toBe('written');
  });

  it('has an update of a module that its configuration leaves out, which PEFT does not apply', async () => {
    const config = { target_modules: ['query'], layers_to_transform: [1] };
    expect((await outcome({ ...pair(query), ...head }, config)).message).toBe(
      `ADAPTER/adapter_config.json: target_modules must name ${query}, which ADAPTER/adapter_model.safetensors has an update of`,
    );
  });

  it('but may have one of a module that its configuration names in full, whatever its layer', async () => {
    const config = { target_modules: [query], layers_to_transform: [1] };
    expect((await outcome({ ...pair(query), ...head }, config)).message).toBe('written');
  });

  it('lacks a module that it trained as a whole', async () => {
    const given = { ...pair(query), 'classifier.weight': head['classifier.weight'] };
    expect((await outcome(given, { modules_to_save: ['classifier', 'pooler'] })).message).toBe(
      'ADAPTER/adapter_model.safetensors: must hold bert.pooler.dense.weight, has no such tensor',
    );
  });

  it('holds the tensors of two', async () => {
    const [a, b] = [randomTensor([2, 16], 7), randomTensor([16, 2], 8)];
    const two = { [`${query}.lora_A.one.weight`]: a, [`${query}.lora_B.one.weight`]: b };
    expect((await outcome({ ...pair(query), ...two, ...head })).message).toContain(
      'must hold one adapter, got both',
    );
  });

  it('has tensors of a part that is not known', async () => {
    expect(
      (await outcome({ ...pair(query), ...head, [`${query}.lora_diag`]: randomTensor([2], 1) })).message,
    ).toContain(`tensor base_model.model.${query}.lora_diag must be a part of an update that is known here`);
  });
});

describe('use_qalora', () => {
  it('changes nothing where inputs are not pooled, and is refused where they are', async () => {
    expect((await outcome({ ...pair(query), ...head }, { use_qalora: true })).message).toBe('written');
    const pooled = { ...pair(query), [`${query}.lora_A.weight`]: randomTensor([2, 8], 1) };
    expect((await outcome({ ...pooled, ...head }, { use_qalora: true })).message).toBe(
      `ADAPTER/adapter_config.json: use_qalora must be absent for ${query}, whose update is of pooled inputs`,
    );
  });
});

describe('use_bdlora', () => {
  it('is refused by module where PEFT has no blocks', async () => {
    const blocks = { use_bdlora: { target_modules_bd_b: ['query'], nblocks: 2 }, use_dora: true };
    const tensors = { ...pair(query), [`${query}.lora_magnitude_vector`]: randomTensor([16], 7), ...head };
    expect((await outcome(tensors, blocks)).message).toBe(
      `ADAPTER/adapter_config.json: use_bdlora must be absent for ${query}, which is no plain linear layer`,
    );
  });
});

describe('keys without their tensors, and tensors without their keys', () => {
  it('a bias of an update', async () => {
    const biased = { ...pair(query), ...head, [`${query}.lora_B.bias`]: randomTensor([16], 9) };
    expect((await outcome(biased)).message).toContain('must be asked for by lora_bias');
    expect((await outcome(biased, { lora_bias: true })).message).toBe('written');
  });

  it('rows of tokens', async () => {
    const rows = 'bert.embeddings.word_embeddings.token_adapter.trainable_tokens_delta';
    const tensors = { ...pair(query), ...head, [rows]: randomTensor([2, 16], 9) };
    expect((await outcome(tensors)).message).toContain('must be asked for by trainable_token_indices');
    expect((await outcome(tensors, { trainable_token_indices: [3, 12] })).message).toContain(
      'trainable_token_indices must be below 12, the rows of bert.embeddings.word_embeddings.weight, got 12',
    );
    expect((await outcome(tensors, { trainable_token_indices: [3] })).message).toContain(
      'must be [1, 16] for 1 tokens of bert.embeddings.word_embeddings.weight, got [2, 16]',
    );
  });
});

describe('tied word embeddings', () => {
  it('of a family that is always tied must have one value', async () => {
    const words = {
      'bert.embeddings.word_embeddings.lora_embedding_A': randomTensor([2, 12], 1),
      'bert.embeddings.word_embeddings.lora_embedding_B': randomTensor([16, 2], 2),
    };
    const refused = await outcome(words, {}, { task: 'masked-lm' });
    expect(refused.message).toContain(
      'bert.embeddings.word_embeddings.weight and cls.predictions.decoder.weight must have one value (tie_word_embeddings), got two',
    );
    expect((await outcome({ ...words, ...head })).message).toBe('written');
  });

  it('stay one table where what PEFT stores of the base says the same of both', async () => {
    const base = await writeLanguageModel('gpt2', {});
    const words = (await readWeights(base)).get('transformer.wte.weight') as FloatTensor;
    const stored = {
      ...pair(attention, 12, 4),
      'transformer.wte.weight': words,
      'lm_head.weight': words,
    };
    const { message, out } = await outcome(stored, {}, { base, task: 'causal-lm' });
    expect(message).toBe('written');
    expect((await readWeights(out)).has('lm_head.weight')).toBe(false);
    const apart = { ...stored, 'lm_head.weight': randomTensor([9, 4], 3) };
    expect((await outcome(apart, {}, { base, task: 'causal-lm' })).message).toContain(
      'must be equal: the base has one table for both',
    );
  });

  it('of another number of words need as many rows in a head of its own', async () => {
    const base = await writeLanguageModel('gpt2', {});
    const saved = { ...pair(attention, 12, 4), 'transformer.wte.weight': randomTensor([11, 4], 3) };
    const refused = await outcome(saved, { modules_to_save: ['wte'] }, { base, task: 'causal-lm' });
    expect(refused.message).toBe(
      'ADAPTER/adapter_model.safetensors: embeddings of 11 words (vocab_size) need as many rows elsewhere: ' +
        'lm_head.weight must be [11, 4], got [9, 4] of the base',
    );
    expect(refused.hint).toContain('save_embedding_layers=True');
  });
});

describe('the tokenizer of another number of words', () => {
  const tokenizer = (tokens: readonly string[]): string =>
    JSON.stringify({ model: { vocab: Object.fromEntries(tokens.map((token, id) => [token, id])) } });
  const words = ['a', 'b', 'c'];

  it('goes along, and must be there', async () => {
    const base = await writeLanguageModel('gpt2', { vocab_size: 3 });
    await writeFile(join(base, 'tokenizer.json'), tokenizer(words));
    const adapter = await writeAdapter(at('lora'), {
      ...pair(attention, 12, 4),
      'transformer.wte.weight': randomTensor([4, 4], 3),
    });
    const make = async (name: string): Promise<string> =>
      writeFullModel({ adapter, base, task: 'causal-lm', out: at(name) }).then(
        () => 'written',
        (error: Error) => error.message.replaceAll(folder, ''),
      );
    expect(await make('none')).toBe('/lora: must hold the tokenizer.json of its 4 words, has none');
    await writeFile(join(adapter, 'tokenizer.json'), tokenizer([...words, 'd', 'e']));
    expect(await make('more')).toContain('ids must be below 4, the rows of the word embeddings, got 4');
    await writeFile(join(adapter, 'tokenizer.json'), tokenizer([...words, 'd']));
    expect(await make('one')).toBe('written');
    expect(await readFile(at('one/tokenizer.json'), 'utf8')).toBe(tokenizer([...words, 'd']));
    expect((await readConfigJson(at('one'))).vocab_size).toBe(4);
  });
});

describe('a quantized base', () => {
  it('is refused, for the base that it was made from', async () => {
    const base = await writeTinyBase(at('quantized'), {});
    const config = { ...(await readConfigJson(base)), quantization_config: { load_in_4bit: true } };
    await writeFile(join(base, 'config.json'), JSON.stringify(config));
    expect(await outcome({ ...pair(query), ...head }, {}, { base })).toMatchObject({
      message: '/quantized/config.json: quantization_config must be absent, got {"load_in_4bit":true}',
      hint: expect.stringContaining('before it was quantized'),
    });
  });
});

describe('names', () => {
  it('of a base without the name of its backbone become those of the model, with no tensor left over', async () => {
    const bare = [...(await readWeights(at('base')))].flatMap(([name, tensor]) =>
      name.startsWith('bert.') ? [{ name: name.slice('bert.'.length), ...tensor }] : [],
    );
    await writeSafetensors(at('base/model.safetensors'), bare);
    const { message, out } = await outcome({ ...pair(query), ...head });
    expect(message).toBe('written');
    const names = [...(await readWeights(out)).keys()];
    expect(names.filter((name) => !name.startsWith('bert.'))).toEqual([
      'classifier.weight',
      'classifier.bias',
    ]);
    expect(names).toContain(`${query}.weight`);
  });

  it('that wrappers of PyTorch begin with are read', async () => {
    const compiled = Object.fromEntries(
      Object.entries({ ...pair(query), ...head }).map(([name, tensor]) => [`_orig_mod.${name}`, tensor]),
    );
    const plain = await outcome({ ...pair(query), ...head });
    const wrapped = await outcome(compiled);
    expect(wrapped.message).toBe('written');
    expect(await readWeights(wrapped.out)).toEqual(await readWeights(plain.out));
  });
});
