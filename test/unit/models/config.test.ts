/** @file What families take from config.json, and what they refuse. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { architectureOf } from '../../../shared/models/registry.ts';
import { torchFixtureFolder } from '../../support/torch-fixture.ts';

type Json = Record<string, unknown>;

const fixtures: Readonly<Record<string, string>> = {
  bert: 'bert-text-classification',
  roberta: 'roberta-text-classification',
  'xlm-roberta': 'xlm-roberta-token-classification',
  distilbert: 'distilbert-text-classification',
  'deberta-v2': 'deberta-v2-text-classification',
  electra: 'electra-text-classification',
  albert: 'albert-text-classification',
  mpnet: 'mpnet-text-classification',
  gpt2: 'gpt2-causal-lm',
  llama: 'llama-causal-lm',
  mistral: 'mistral-text-classification',
  qwen2: 'qwen2-multi-label-classification',
  qwen3: 'qwen3-causal-lm',
  modernbert: 'modernbert-text-classification',
  t5: 't5-text2text',
  mt5: 'mt5-text2text',
};
const configs = new Map<string, Json>();
beforeAll(async () => {
  for (const [modelType, fixture] of Object.entries(fixtures)) {
    const text = await readFile(join(torchFixtureFolder(fixture), 'config.json'), 'utf8');
    configs.set(modelType, JSON.parse(text));
  }
});

function parse(modelType: string, changes: Json) {
  return architectureOf(modelType).parseConfig({ ...configs.get(modelType), ...changes });
}

describe('attention heads', () => {
  it.each([
    [
      'bert',
      { hidden_size: 32, num_attention_heads: 3 },
      'hidden_size: must be a multiple of 3 heads, got 32',
    ],
    ['roberta', { hidden_size: 32, num_attention_heads: 3 }, 'must be a multiple of 3 heads, got 32'],
    ['xlm-roberta', { hidden_size: 32, num_attention_heads: 3 }, 'must be a multiple of 3 heads'],
    ['electra', { hidden_size: 32, num_attention_heads: 3 }, 'must be a multiple of 3 heads'],
    ['albert', { hidden_size: 32, num_attention_heads: 3 }, 'must be a multiple of 3 heads'],
    ['mpnet', { hidden_size: 32, num_attention_heads: 3 }, 'must be a multiple of 3 heads'],
    ['distilbert', { dim: 32, n_heads: 3 }, 'dim: must be a multiple of 3 heads, got 32'],
    ['gpt2', { n_embd: 32, n_head: 3 }, 'n_embd: must be a multiple of 3 heads, got 32'],
    [
      'llama',
      { hidden_size: 32, num_attention_heads: 3, num_key_value_heads: 3, head_dim: null },
      'hidden_size: must be a multiple of 3 heads, got 32',
    ],
    [
      'mistral',
      { num_attention_heads: 4, num_key_value_heads: 3 },
      'num_attention_heads: must be a multiple of num_key_value_heads 3, got 4',
    ],
    ['qwen3', { head_dim: 7 }, 'head_dim: must be even, because rotary positions turn pairs, got 7'],
    [
      'modernbert',
      { hidden_size: 6, num_attention_heads: 2 },
      'hidden_size / num_attention_heads: must be even, because rotary positions turn pairs, got 3',
    ],
  ])('of %s that do not go with its sizes are refused', (modelType, changes, message) => {
    expect(() => parse(modelType, changes)).toThrow(message);
  });
});

describe('numbers of layers', () => {
  it.each([
    ['bert', 'num_hidden_layers'],
    ['distilbert', 'n_layers'],
    ['gpt2', 'n_layer'],
    ['llama', 'num_hidden_layers'],
    ['modernbert', 'num_hidden_layers'],
    ['deberta-v2', 'num_hidden_layers'],
    ['t5', 'num_decoder_layers'],
  ])('of %s have a limit', (modelType, field) => {
    expect(() => parse(modelType, { [field]: 1e9 })).toThrow(
      `config.json: ${field}: must be at most 1000, got 1000000000`,
    );
  });
});

describe('sizes that a table is computed for', () => {
  it.each([
    ['llama', 'head_dim'],
    ['t5', 'relative_attention_max_distance'],
    ['deberta-v2', 'max_position_embeddings'],
  ])('of %s have a limit: %s', (modelType, field) => {
    expect(() => parse(modelType, { [field]: 2 ** 21 })).toThrow(
      `config.json: ${field}: must be at most 1048576, got 2097152`,
    );
  });

  it('have it too where they follow from others', () => {
    const changes = { hidden_size: 2 ** 31, num_attention_heads: 2, head_dim: null };
    expect(() => parse('llama', changes)).toThrow(
      'config.json: hidden_size / num_attention_heads: must be at most 1048576, got 1073741824',
    );
  });
});

describe('angles of rotary positions', () => {
  const fast = { rope_type: 'default', rope_theta: 77 };
  const frequenciesOf = (modelType: string, changes: Json): unknown =>
    (parse(modelType, changes) as unknown as { frequencies: Float32Array }).frequencies;

  it.each([
    ['llama', { rope_parameters: { full_attention: fast } }],
    ['llama', { rope_parameters: { full_attention: fast, sliding_attention: { rope_theta: 5 } } }],
    [
      'qwen3',
      { rope_parameters: { full_attention: fast }, layer_types: ['full_attention', 'full_attention'] },
    ],
    ['mistral', { rope_parameters: { sliding_attention: fast }, sliding_window: 16 }],
  ])('of %s are those of its one kind of attention', (modelType, changes) => {
    const expected = frequenciesOf(modelType, { rope_theta: 77, rope_parameters: null });
    expect(frequenciesOf(modelType, changes)).toEqual(expected);
    expect(frequenciesOf(modelType, { rope_theta: 5, rope_parameters: null })).not.toEqual(expected);
  });

  it.each([
    [
      { rope_parameters: { sliding_attention: fast } },
      'got layers of full_attention, parameters of sliding_attention',
    ],
    [
      { rope_scaling: { type: 'linear' }, rope_parameters: null },
      'config.json: rope_scaling: linear must have a factor',
    ],
    [
      { rope_scaling: { rope_type: 'llama3', factor: null }, rope_parameters: null },
      'config.json: rope_scaling: llama3 must have a factor',
    ],
  ])('that cannot be known are refused: %j', (changes, message) => {
    expect(() => parse('llama', changes)).toThrow(message);
  });

  it('are refused where layers have angles of their own', () => {
    const kinds = ['full_attention', 'sliding_attention'];
    const both = { rope_parameters: { full_attention: fast, sliding_attention: fast }, layer_types: kinds };
    expect(() => parse('qwen3', { ...both, use_sliding_window: true, sliding_window: 4 })).toThrow(
      'got layers of full_attention and sliding_attention',
    );
  });
});

describe('models that are not what they look like', () => {
  it.each([
    ['bert', { is_decoder: true }, 'config.json: is_decoder: must be false: only encoders are read here'],
    ['roberta', { is_decoder: true }, 'is_decoder: must be false'],
    [
      'gpt2',
      { add_cross_attention: true },
      'add_cross_attention: must be false: there is no encoder to attend to',
    ],
    ['llama', { quantization_config: { quant_method: 'gptq' } }, 'quantization_config must be absent, got'],
    ['bert', { pruned_heads: { 0: [1] } }, 'config.json: pruned_heads must be empty: heads of attention are'],
    ['qwen3', { per_layer_config: { 0: { head_dim: 2 } } }, 'per_layer_config must be empty: layers are'],
    ['deberta-v2', { attention_head_size: 6 }, 'attention_head_size: must be 4, as hidden_size and'],
    ['modernbert', { head_dim: 4 }, 'head_dim: must be 6, as hidden_size and num_attention_heads have it'],
  ])('are refused: %s with %j', (modelType, changes, message) => {
    expect(() => parse(modelType, changes)).toThrow(message);
  });

  it.each([
    ['bert', { is_decoder: false, add_cross_attention: false, pruned_heads: {}, quantization_config: null }],
    ['deberta-v2', { attention_head_size: 4 }],
    ['modernbert', { head_dim: 6 }],
  ])('but not where the field says nothing else: %s with %j', (modelType, changes) => {
    expect(parse(modelType, changes)).toEqual(parse(modelType, {}));
  });
});

describe('fields that say what another one says', () => {
  it.each([
    ['modernbert', { sliding_window: 3, local_attention: 128 }, { sliding_window: null, local_attention: 6 }],
    [
      'modernbert',
      { rope_scaling: { rope_type: 'linear', factor: 2 }, global_rope_theta: 50 },
      {
        rope_parameters: {
          full_attention: { rope_type: 'linear', factor: 2, rope_theta: 50 },
          sliding_attention: { rope_type: 'linear', factor: 2 },
        },
      },
    ],
    ['electra', { embedding_size: undefined }, { embedding_size: 128 }],
    [
      'mistral',
      { num_key_value_heads: undefined, num_attention_heads: 8 },
      { num_key_value_heads: 8, num_attention_heads: 8 },
    ],
  ])('hold as in transformers: %s with %j', (modelType, changes, same) => {
    expect(parse(modelType, changes)).toEqual(parse(modelType, same));
    expect(parse(modelType, changes)).not.toEqual(parse(modelType, {}));
  });

  it("do not move MPNet's positions, which are counted from a constant", () => {
    expect(parse('mpnet', { pad_token_id: 3 }).inputs.maxLength).toBe(parse('mpnet', {}).inputs.maxLength);
  });
});

describe('fields that are null', () => {
  // No angles of its own, no window, and no token that ends texts, where the default is one.
  const saysMoreByNull = new Set(['local_rope_theta', 'sliding_window', 'eos_token_id']);

  it.each(Object.keys(fixtures))('of %s are as those that are not there', (modelType) => {
    const json = configs.get(modelType) ?? {};
    const isRequired = (field: string): boolean => {
      try {
        const { [field]: _, ...rest } = json;
        architectureOf(modelType).parseConfig(rest);
        return false;
      } catch {
        return true;
      }
    };
    const optional = Object.keys(json).filter((field) => !saysMoreByNull.has(field) && !isRequired(field));
    expect(optional).not.toEqual([]);
    for (const field of optional) {
      const { [field]: _, ...rest } = json;
      const plain = (config: unknown): unknown => JSON.parse(JSON.stringify(config));
      const expected = plain(architectureOf(modelType).parseConfig(rest));
      expect(plain(parse(modelType, { [field]: null })), field).toEqual(expected);
    }
  });

  it.each([
    ['llama', 'attention_bias'],
    ['llama', 'rope_theta'],
    ['bert', 'position_embedding_type'],
    ['bert', 'hidden_dropout_prob'],
    ['t5', 'n_positions'],
    ['t5', 'decoder_start_token_id'],
  ])('%s takes the default of %s', (modelType, field) => {
    expect(() => parse(modelType, { [field]: null })).not.toThrow();
  });

  it("of RoBERTa's padding is 1 still", () => {
    expect(parse('roberta', { pad_token_id: null }).inputs.padTokenId).toBe(1);
  });

  it('must be given where there is no default', () => {
    expect(() => parse('t5', { d_kv: null })).toThrow(/^config\.json: d_kv must be given$/);
    expect(() => parse('t5', { d_kv: undefined })).toThrow(/^config\.json: d_kv must be given$/);
    expect(() => parse('t5', { d_kv: 'four' })).toThrow(/^config\.json: d_kv: /);
    expect(() => parse('deberta-v2', { pos_att_type: 'c2p|p2p' })).toThrow(
      /^config\.json: pos_att_type\.1: must be one of c2p, p2c, got "p2p"/,
    );
  });
});

describe('the feed-forward block of T5', () => {
  it.each([
    [{ feed_forward_proj: 'gated-gelu' }, 'gelu_new', true],
    [{ feed_forward_proj: 'gated-silu' }, 'silu', true],
    [{ feed_forward_proj: 'gelu' }, 'gelu', false],
    [{ feed_forward_proj: 'relu', dense_act_fn: 'gelu_new', is_gated_act: true }, 'gelu_new', true],
    [{ feed_forward_proj: 'gated-gelu', dense_act_fn: null, is_gated_act: null }, 'gelu_new', true],
  ])('with %j has %s', (changes, activation, gated) => {
    expect(parse('t5', changes)).toMatchObject({ activation, gated });
  });
});

describe('outputs of a T5 decoder', () => {
  it.each([
    ['t5', { tie_word_embeddings: true }, { tied: true, scaled: true }],
    ['t5', { tie_word_embeddings: null }, { tied: true, scaled: true }],
    ['t5', { tie_word_embeddings: false }, { tied: false, scaled: false }],
    ['t5', { tie_word_embeddings: true, scale_decoder_outputs: false }, { tied: true, scaled: false }],
    ['t5', { tie_word_embeddings: false, scale_decoder_outputs: true }, { tied: false, scaled: true }],
    ['t5', { tie_word_embeddings: true, scale_decoder_outputs: null }, { tied: true, scaled: false }],
    ['mt5', { tie_word_embeddings: undefined }, { tied: true, scaled: false }],
    ['mt5', { tie_word_embeddings: true, scale_decoder_outputs: true }, { tied: true, scaled: false }],
    ['mt5', { tie_word_embeddings: false }, { tied: false, scaled: false }],
  ])('of %s with %j are scaled as transformers 5 does', (modelType, changes, expected) => {
    expect(parse(modelType, changes)).toMatchObject(expected);
  });
});
