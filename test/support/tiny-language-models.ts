/** @file config.json of language models of a few kilobytes. */

/** T5 1.1: a gated feed-forward block, a head of its own. */
export const tinyT5 = {
  model_type: 't5',
  d_model: 12,
  d_kv: 5,
  d_ff: 16,
  num_layers: 2,
  num_decoder_layers: 3,
  num_heads: 2,
  relative_attention_num_buckets: 8,
  relative_attention_max_distance: 12,
  feed_forward_proj: 'gated-gelu',
  tie_word_embeddings: false,
  dropout_rate: 0,
  decoder_start_token_id: 0,
};

/** GPT-2: weights stored [in, out], the head tied to the embeddings. */
export const tinyGpt2 = {
  model_type: 'gpt2',
  n_embd: 12,
  n_layer: 2,
  n_head: 2,
  n_positions: 24,
  resid_pdrop: 0,
  embd_pdrop: 0,
  attn_pdrop: 0,
  eos_token_id: 1,
};

/** Llama: two query heads for each key and value head, a head of its own. */
export const tinyLlama = {
  model_type: 'llama',
  hidden_size: 12,
  intermediate_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 6,
  max_position_embeddings: 24,
  rope_theta: 50,
  eos_token_id: [1],
};
