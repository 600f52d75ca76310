import { llamaFamily } from './llama.ts';

/**
 * Qwen3 (Yang et al., 2025): Llama's blocks with an RMS norm over each head of queries and keys,
 * before they are turned, and perhaps layers that attend within a sliding window.
 */
export const qwen3 = llamaFamily({
  modelType: 'qwen3',
  prefix: 'Qwen3',
  defaults: {
    head_dim: 128,
    max_position_embeddings: 32768,
    num_key_value_heads: 32,
    sliding_window: 4096,
  },
  blocks: { headNorms: true, feedForwardBias: false },
  sliding: 'by-layer',
});
