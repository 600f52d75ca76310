import { type ExampleLabels, labelKindOf } from '../../shared/data/example-labels.ts';
import type { TaskKind } from '../../shared/task.ts';

/** The labels of an example as tests write them: a number, one per class, or one per token. */
export type GivenLabels = number | readonly number[] | Float32Array | Int32Array | null;

/** The labels of an example of a task. */
export function labelsFor(task: TaskKind, given: GivenLabels): ExampleLabels | null {
  const kind = labelKindOf(task);
  if (given === null || kind === null) return null;
  const list = typeof given === 'number' ? [given] : [...given];
  switch (kind) {
    case 'class':
      return { kind, id: Number(given) };
    case 'value':
      return { kind, value: Number(given) };
    case 'flags':
      return { kind, flags: Float32Array.from(list) };
    case 'tags':
    case 'target':
    case 'following':
      return { kind, ids: Int32Array.from(list) };
  }
}
