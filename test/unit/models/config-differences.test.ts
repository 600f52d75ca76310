import { describe, expect, it } from 'vitest';
import { changesFunction, configDifferences } from '../../../shared/models/config-differences.ts';

const bert = {
  ...{ model_type: 'bert', vocab_size: 30, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 },
  ...{ intermediate_size: 16, max_position_embeddings: 16, type_vocab_size: 2 },
};
const llama = {
  ...{ model_type: 'llama', vocab_size: 30, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2 },
  ...{ intermediate_size: 16 },
};
const t5 = { model_type: 't5', vocab_size: 30, d_model: 8, d_kv: 4, d_ff: 16, num_layers: 2, num_heads: 2 };
const deberta = { ...bert, model_type: 'deberta-v2', relative_attention: true };
const gpt2 = { model_type: 'gpt2', vocab_size: 30, n_embd: 8, n_layer: 2, n_head: 2 };
const modernBert = {
  ...{ model_type: 'modernbert', vocab_size: 30, hidden_size: 8, num_hidden_layers: 3 },
  ...{ num_attention_heads: 2, intermediate_size: 16, pad_token_id: 0 },
};
const unknown = { model_type: 'somebody-elses', width: 8 };

const namesOf = (first: object, other: object): string[] =>
  configDifferences({ ...first }, { ...other }).map(({ field }) => field);

describe('what makes models other functions of equal weights', () => {
  it.each<[string, object, object, unknown, unknown]>([
    ['num_attention_heads', bert, { num_attention_heads: 4 }, 2, 4],
    ['hidden_act', bert, { hidden_act: 'relu' }, undefined, 'relu'],
    ['layer_norm_eps', bert, { layer_norm_eps: 1e-5 }, undefined, 1e-5],
    ['pad_token_id', { ...bert, model_type: 'roberta' }, { pad_token_id: 0 }, undefined, 0],
    [
      'position_embedding_type',
      { model_type: 'ernie' },
      { position_embedding_type: 'relative_key' },
      undefined,
      'relative_key',
    ],
    ['num_key_value_heads', llama, { num_key_value_heads: 1 }, undefined, 1],
    ['rope_theta', llama, { rope_theta: 500_000 }, undefined, 500_000],
    [
      'rope_scaling',
      llama,
      { rope_scaling: { rope_type: 'linear', factor: 2 } },
      undefined,
      { rope_type: 'linear', factor: 2 },
    ],
    ['sliding_window', { ...llama, model_type: 'mistral' }, { sliding_window: 8 }, undefined, 8],
    ['feed_forward_proj', t5, { feed_forward_proj: 'gated-gelu' }, undefined, 'gated-gelu'],
    ['relative_attention_max_distance', t5, { relative_attention_max_distance: 64 }, undefined, 64],
    ['pos_att_type', deberta, { pos_att_type: ['p2c'] }, undefined, ['p2c']],
    ['scale_attn_by_inverse_layer_idx', gpt2, { scale_attn_by_inverse_layer_idx: true }, undefined, true],
    ['local_attention', modernBert, { local_attention: 4 }, undefined, 4],
    ['is_decoder', bert, { is_decoder: true }, undefined, true],
    ['gate', unknown, { gate: 0.5 }, undefined, 0.5],
  ])('is %s, with both values', (field, config, change, first, other) => {
    expect(configDifferences({ ...config }, { ...config, ...change })).toEqual([{ field, first, other }]);
  });

  it('is told also where one is written in an older form than the other', () => {
    const newer = { ...llama, rope_parameters: { rope_type: 'default', rope_theta: 500_000 } };
    expect(namesOf({ ...llama, rope_theta: 10_000 }, newer)).toEqual(['rope_parameters']);
  });
});

describe('what does not', () => {
  it.each<[string, object, object]>([
    [
      'where a model is from and what its outputs are called',
      bert,
      {
        _name_or_path: '/x',
        architectures: ['A'],
        id2label: { 0: 'a' },
        num_labels: 3,
        problem_type: 'regression',
      },
    ],
    [
      'the element type of the weights',
      { ...bert, torch_dtype: 'float16' },
      { torch_dtype: undefined, dtype: 'float32' },
    ],
    [
      'what is dropped, and how new weights begin',
      bert,
      { hidden_dropout_prob: 0.5, classifier_dropout: 0.3, initializer_range: 1 },
    ],
    [
      'T5 1.1 as transformers 4 and 5 write it',
      { ...t5, tie_word_embeddings: false, feed_forward_proj: 'gated-gelu' },
      {
        ...{ scale_decoder_outputs: false, dense_act_fn: 'gelu_new', is_gated_act: true },
        ...{ num_decoder_layers: 2, is_decoder: false, pad_token_id: 0 },
      },
    ],
    [
      'how answers are searched for',
      t5,
      { max_length: 7, num_beams: 4, task_specific_params: { summarization: {} } },
    ],
    [
      'an absent field beside its default',
      bert,
      {
        hidden_act: 'gelu',
        layer_norm_eps: 1e-12,
        is_decoder: false,
        tie_word_embeddings: true,
        position_embedding_type: 'absolute',
      },
    ],
    ['null beside an absent field', bert, { bos_token_id: null, eos_token_id: null }],
    ['a default that follows from other fields', llama, { head_dim: 8, num_key_value_heads: 2 }],
    [
      'rotary positions in the newer form',
      { ...llama, rope_theta: 500_000, rope_scaling: { rope_type: 'linear', factor: 2 } },
      {
        rope_theta: undefined,
        rope_scaling: undefined,
        rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 500_000 },
      },
    ],
    [
      'one text or a list of terms',
      { ...deberta, pos_att_type: 'p2c|c2p' },
      { pos_att_type: ['p2c', 'c2p'] },
    ],
    [
      'kinds of layers that are named or counted',
      modernBert,
      { layer_types: ['full_attention', 'sliding_attention', 'sliding_attention'] },
    ],
    [
      'a field of a head that no family has here',
      { ...bert, model_type: 'electra' },
      { summary_type: 'first' },
    ],
    [
      'the name of what computes attention, of any family',
      unknown,
      { _attn_implementation: 'sdpa', use_cache: false },
    ],
  ])('%s', (_, config, change) => {
    expect(namesOf(config, { ...config, ...change })).toEqual([]);
    expect(namesOf({ ...config, ...change }, config)).toEqual([]);
  });

  it('fields of the head, where each model keeps its own', () => {
    const mean = { ...modernBert, classifier_pooling: 'mean' };
    expect(namesOf(modernBert, mean)).toEqual(['classifier_pooling']);
    const apart = (field: string): boolean => changesFunction(field, 'separate');
    expect(configDifferences(modernBert, mean, apart)).toEqual([]);
  });

  it('but every other field of a family that is not known', () => {
    expect(namesOf({ ...unknown, heads: 4 }, { ...unknown, heads: 8, note: 'x' })).toEqual(['heads', 'note']);
  });
});
