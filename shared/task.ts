/** What a model is fine-tuned for. `masked-lm` is how the base model is pretrained. */
export const taskKinds = [
  'text-classification',
  'multi-label-classification',
  'regression',
  'token-classification',
  'text2text',
  'causal-lm',
  'masked-lm',
] as const;

export type TaskKind = (typeof taskKinds)[number];

/**
 * Tasks whose labels are tokens: they have no classes, and their head is part of the base model.
 */
export const languageTasks = ['text2text', 'causal-lm', 'masked-lm'] as const satisfies readonly TaskKind[];

export type LanguageTask = (typeof languageTasks)[number];

/** Whether a task's labels are tokens. */
export function isLanguageTask(task: TaskKind): task is LanguageTask {
  return languageTasks.some((known) => known === task);
}

/** What a row of a task's logits belongs to. */
export type LogitRows = 'sequence' | 'token' | 'target' | 'masked';

/**
 * What a row of a task's logits belongs to: a sequence, each of its tokens, a token of its target,
 * a masked token.
 */
export function logitRowsOf(task: TaskKind): LogitRows {
  switch (task) {
    case 'token-classification':
    case 'causal-lm':
      return 'token';
    case 'text2text':
      return 'target';
    case 'masked-lm':
      return 'masked';
    default:
      return 'sequence';
  }
}

/**
 * Label value of positions that take no part in a loss or a metric, as in PyTorch and Hugging Face.
 */
export const ignoredLabel = -100;
