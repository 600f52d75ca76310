/** @file Qwen2 (Yang et al., 2024): Llama's blocks with a bias on queries, keys and values. */
import type { Architecture } from './architecture.ts';
import { type LlamaConfig, llama, parseLlamaConfig } from './llama.ts';

export const qwen2: Architecture<LlamaConfig> = {
  ...llama,
  modelType: 'qwen2',
  classNames: {
    'causal-lm': 'Qwen2ForCausalLM',
    'text-classification': 'Qwen2ForSequenceClassification',
    'multi-label-classification': 'Qwen2ForSequenceClassification',
    regression: 'Qwen2ForSequenceClassification',
    'token-classification': 'Qwen2ForTokenClassification',
  },
  parseConfig: (json) => ({
    ...parseLlamaConfig({ use_sliding_window: false, max_position_embeddings: 32768, ...(json as object) }),
    projectionBias: true,
  }),
};
