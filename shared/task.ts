/** What a model is fine-tuned for. `masked-lm` is how the base model is pretrained. */
export const taskKinds = [
  'text-classification',
  'multi-label-classification',
  'regression',
  'token-classification',
  'masked-lm',
] as const;

export type TaskKind = (typeof taskKinds)[number];

/** Label value of positions that take no part in a loss or a metric, as in PyTorch and Hugging Face. */
export const ignoredLabel = -100;
