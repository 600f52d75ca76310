import { llamaFamily } from './llama.ts';

/**
 * Qwen2 (Yang et al., 2024): Llama's blocks with a bias on queries, keys and values, and perhaps
 * layers that attend within a sliding window.
 */
export const qwen2 = llamaFamily({
  modelType: 'qwen2',
  prefix: 'Qwen2',
  defaults: { max_position_embeddings: 32768, num_key_value_heads: 32, sliding_window: 4096 },
  blocks: { projectionBias: true, outputBias: false, feedForwardBias: false },
  sliding: 'by-layer',
});
