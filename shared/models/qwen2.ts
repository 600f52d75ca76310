import { llamaFamily } from './llama.ts';

/** Qwen2 (Yang et al., 2024): Llama's blocks with a bias on queries, keys and values. */
export const qwen2 = llamaFamily(
  'qwen2',
  'Qwen2',
  { max_position_embeddings: 32768, use_sliding_window: false },
  { projectionBias: true },
);
