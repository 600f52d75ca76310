import type { TaskKind } from '../task.ts';

/** What a model should say about an example; -100 stands where it is not asked. */
export type ExampleLabels =
  /** Text classification: the index of a class. */
  | { readonly kind: 'class'; readonly id: number }
  /** Regression. */
  | { readonly kind: 'value'; readonly value: number }
  /** Multi-label classification: 1 for each class that applies, else 0, [classes]. */
  | { readonly kind: 'flags'; readonly flags: Float32Array }
  /** Token classification: the index of a class for each token, [length]. */
  | { readonly kind: 'tags'; readonly ids: Int32Array }
  /** text2text: the tokens of the target, [target]. */
  | { readonly kind: 'target'; readonly ids: Int32Array }
  /** causal-lm: the token that follows each, [length]. */
  | { readonly kind: 'following'; readonly ids: Int32Array };

/** The labels of one kind. */
export type LabelsOfKind<K extends ExampleLabels['kind']> = Extract<ExampleLabels, { kind: K }>;

/** The labels that data of each task have; those of `masked-lm` are made from its tokens. */
const kinds = {
  'text-classification': 'class',
  regression: 'value',
  'multi-label-classification': 'flags',
  'token-classification': 'tags',
  text2text: 'target',
  'causal-lm': 'following',
  'masked-lm': null,
} as const satisfies Record<TaskKind, ExampleLabels['kind'] | null>;

/** The kind of labels that data of a task have; null where they have none. */
export function labelKindOf(task: TaskKind): ExampleLabels['kind'] | null {
  return kinds[task];
}

/** Labels as those of one kind; null where there are none, or others. */
export function asKind<K extends ExampleLabels['kind']>(
  labels: ExampleLabels | null,
  kind: K,
): LabelsOfKind<K> | null {
  return labels?.kind === kind ? (labels as LabelsOfKind<K>) : null;
}

/**
 * Labels that must be of one kind.
 *
 * @param otherwise what is thrown where there are none, or others
 */
export function labelsOfKind<K extends ExampleLabels['kind']>(
  labels: ExampleLabels | null,
  kind: K,
  otherwise: () => Error,
): LabelsOfKind<K> {
  const own = asKind(labels, kind);
  if (own === null) throw otherwise();
  return own;
}

/** The labels of tokens, -100 where there is none; null for labels of whole examples. */
export function tokenLabels(labels: ExampleLabels | null): Int32Array | null {
  return labels !== null && 'ids' in labels ? labels.ids : null;
}
