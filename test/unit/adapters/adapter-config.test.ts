import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterConfig, readAdapterConfig } from '../../../shared/adapters/adapter-config.ts';
import type { RegmeanError } from '../../../shared/errors.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-adapter-config-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function read(json: object): Promise<AdapterConfig> {
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(json));
  return readAdapterConfig(folder);
}

async function refusal(json: object): Promise<{ message: string; hint: string }> {
  return read(json).then(
    () => ({ message: 'accepted', hint: '' }),
    ({ message, hint }: RegmeanError) => ({
      message: message.replace(join(folder, 'adapter_config.json'), 'FILE'),
      hint: hint ?? '',
    }),
  );
}

/** What PEFT 0.21 writes for a plain LoRA adapter. */
const plain = {
  alora_invocation_tokens: null,
  alpha_pattern: {},
  arrow_config: null,
  auto_mapping: { base_model_class: 'BertModel', parent_library: 'transformers' },
  base_model_name_or_path: 'base',
  bias: 'none',
  corda_config: null,
  ensure_weight_tying: false,
  eva_config: null,
  exclude_modules: null,
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  kasa_config: null,
  layer_replication: null,
  layers_pattern: null,
  layers_to_transform: null,
  loftq_config: {},
  lora_alpha: 16,
  lora_bias: false,
  lora_dropout: 0.1,
  lora_ga_config: null,
  megatron_config: null,
  megatron_core: 'megatron.core',
  modules_to_save: null,
  monteclora_config: null,
  peft_type: 'LORA',
  peft_version: '0.21.2',
  qalora_group_size: 16,
  r: 8,
  rank_pattern: {},
  revision: null,
  target_modules: ['query'],
  target_parameters: null,
  task_type: 'SEQ_CLS',
  trainable_token_indices: null,
  use_bdlora: null,
  use_dora: false,
  use_qalora: false,
  use_rslora: false,
  velora_config: null,
};

describe('readAdapterConfig', () => {
  it('takes every key of a plain adapter', async () => {
    const config = await read(plain);
    expect([config.rankOf('x.query'), config.scalingOf('x.query')]).toEqual([8, 2]);
    expect(config).toMatchObject({ isDora: false, updatesBiases: false, modulesToSave: [] });
  });

  it('takes keys of the training alone, whatever they say', async () => {
    for (const key of [
      'velora_config',
      'monteclora_config',
      'eva_config',
      'corda_config',
      'runtime_config',
    ]) {
      expect(await refusal({ ...plain, [key]: { rho: 2 } })).toMatchObject({ message: 'accepted' });
    }
    for (const init of [false, null, 'gaussian', 'eva', 'orthogonal', 'mica']) {
      expect(await refusal({ ...plain, init_lora_weights: init })).toMatchObject({ message: 'accepted' });
    }
  });

  it('names a key that changes the model in a way that weights cannot say, and what to do', async () => {
    const keys = {
      alora_invocation_tokens: [[1, 2], 'without alora_invocation_tokens'],
      arrow_config: [{ top_k: 3 }, 'one of the adapters'],
      kasa_config: [{ beta: 1 }, 'merge_and_unload'],
      layer_replication: [[[0, 2]], 'save the base with its layers repeated'],
      megatron_config: [{ x: 1 }, 'names of Hugging Face transformers'],
      enable_lora: [[true, false], 'merge_and_unload'],
    } as const;
    for (const [key, [value, hint]] of Object.entries(keys)) {
      const refused = await refusal({ ...plain, [key]: value });
      expect(refused.message).toContain(`FILE: ${key} must be absent, got ${JSON.stringify(value)}: `);
      expect(refused.hint).toContain(hint);
    }
  });

  it('names a key that it does not know, unless it says nothing', async () => {
    expect(await refusal({ ...plain, lora_of_tomorrow: { x: 1 } })).toEqual({
      message: 'FILE: lora_of_tomorrow must be a key that is known here, got {"x":1}',
      hint: expect.stringContaining('what lora_of_tomorrow changes is not known'),
    });
    for (const nothing of [null, false, [], {}, '', 0]) {
      expect(await refusal({ ...plain, lora_of_tomorrow: nothing })).toMatchObject({ message: 'accepted' });
    }
  });

  it('names the type of other adapters before anything else', async () => {
    expect(await refusal({ peft_type: 'OFT', r: 0, oft_block_size: 8 })).toEqual({
      message: 'FILE: peft_type must be LORA, got OFT',
      hint: expect.stringContaining('merge_and_unload'),
    });
    for (const type of ['PROMPT_TUNING', 'PREFIX_TUNING', 'XLORA']) {
      expect(await refusal({ peft_type: type, num_virtual_tokens: 4 })).toEqual({
        message: `FILE: peft_type must be LORA, got ${type}`,
        hint: `adapters of type ${type} cannot be merged into weights: train a LoRA adapter`,
      });
    }
    expect((await refusal({ r: 4 })).message).toBe('FILE: peft_type must be LORA, got nothing');
  });

  it('refuses beginnings that change the base, which the adapter does not hold', async () => {
    for (const init of ['pissa', 'pissa_niter_16', 'olora', 'loftq', 'corda', 'lora_ga']) {
      const { message, hint } = await refusal({ ...plain, init_lora_weights: init });
      expect(message).toContain(
        'init_lora_weights must be one of true, false, gaussian, eva, orthogonal, mica',
      );
      expect(message).toContain(`got ${init}, which changes the base model before the training`);
      expect(hint).toContain('path_initial_model_for_weight_conversion');
    }
  });

  it('takes the first pattern that fits, and names one that it cannot read', async () => {
    const config = await read({
      ...plain,
      rank_pattern: { '^encoder.layer.0.*query': 2, query: 4 },
      alpha_pattern: { '.*\\.1\\..*': 3 },
      use_rslora: true,
    });
    expect(config.rankOf('encoder.layer.0.self.query')).toBe(2);
    expect(config.rankOf('encoder.layer.1.self.query')).toBe(4);
    expect(config.rankOf('encoder.layer.1.self.key')).toBe(8);
    expect(config.scalingOf('encoder.layer.1.self.query')).toBe(3 / 2);
    const unreadable = await read({ ...plain, rank_pattern: { '(?i)QUERY': 2 } });
    expect(() => unreadable.rankOf('x.query')).toThrow(
      'rank_pattern must be patterns that are known here, got "(?i)QUERY"',
    );
  });

  it('says which adapters a folder of several holds', async () => {
    for (const name of ['one', 'two']) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'adapter_config.json'), JSON.stringify(plain));
    }
    await expect(readAdapterConfig(folder)).rejects.toMatchObject({
      message: `${folder}: must hold adapter_config.json`,
      hint: 'it holds the adapters one, two: name the folder of one of them',
    });
  });
});
