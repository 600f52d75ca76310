import { llamaFamily } from './llama.ts';

/**
 * Qwen3 (Yang et al., 2025): Llama's blocks with an RMS norm over each head of queries and keys,
 * before they are turned.
 */
export const qwen3 = llamaFamily(
  'qwen3',
  'Qwen3',
  { head_dim: 128, max_position_embeddings: 32768, use_sliding_window: false },
  { headNorms: true },
);
