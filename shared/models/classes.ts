/** @file The classes of a head, and how many outputs it has for them. */
import { RegmeanError } from '../errors.ts';
import { isLanguageTask, type TaskKind } from '../task.ts';

const defaultClassCount = 2;

/** What a head says. */
export interface HeadOutputs {
  /**
   * Names of the classes, in the order of the logits; none for regression, whose one output is a
   * value, and for language tasks, whose outputs are the vocabulary.
   */
  readonly classes: readonly string[];
  /** Logits of a row beside those of a vocabulary: one per class, one for regression. */
  readonly outputs: number;
}

/** The outputs of a head for a task with these classes, which only tasks with classes have. */
export function headOutputs(task: TaskKind, classes: readonly string[]): HeadOutputs {
  if (!hasClasses(task)) return { classes: [], outputs: task === 'regression' ? 1 : 0 };
  return { classes, outputs: classes.length };
}

/** Whether what a task's model says is one or several classes. */
export function hasClasses(task: TaskKind): boolean {
  return task !== 'regression' && !isLanguageTask(task);
}

/**
 * The classes of config.json, in the order of the logits; by number where it names none.
 *
 * @throws RegmeanError `invalid-input` when `id2label` does not number its labels 0, 1, ..
 */
export function classesInConfig(
  configJson: Readonly<Record<string, unknown>>,
  task: TaskKind,
  where: string,
): readonly string[] {
  if (!hasClasses(task)) return [];
  const { id2label } = configJson;
  if (typeof id2label !== 'object' || id2label === null) {
    return numberedClasses(
      typeof configJson.num_labels === 'number' ? configJson.num_labels : defaultClassCount,
    );
  }
  const byId = new Map(Object.entries(id2label).map(([id, label]) => [Number(id), String(label)]));
  return Array.from({ length: byId.size }, (_, id) => {
    const label = byId.get(id);
    if (label === undefined) {
      throw new RegmeanError(
        'invalid-input',
        `${where}/config.json: id2label must number its ${byId.size} labels from 0, got no label ${id}`,
      );
    }
    return label;
  });
}

/** The classes that config.json names; null where it names none. */
export function classesNamedInConfig(
  configJson: Readonly<Record<string, unknown>>,
  task: TaskKind,
  where: string,
): readonly string[] | null {
  const { id2label } = configJson;
  const isNamed = typeof id2label === 'object' && id2label !== null && !Array.isArray(id2label);
  return isNamed && hasClasses(task) ? classesInConfig(configJson, task, where) : null;
}

/** Classes that nobody named, as Hugging Face calls them. */
export function numberedClasses(count: number): readonly string[] {
  return Array.from({ length: count }, (_, id) => `LABEL_${id}`);
}

/** Whether two lists hold the same names, in whatever order. */
export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

/** The `problem_type` field of config.json for a task. */
export function problemTypeOf(task: TaskKind): { problem_type?: string } {
  if (task === 'text-classification') return { problem_type: 'single_label_classification' };
  if (task === 'multi-label-classification') return { problem_type: 'multi_label_classification' };
  if (task === 'regression') return { problem_type: 'regression' };
  return {};
}
