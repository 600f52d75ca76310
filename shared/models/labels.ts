/** @file The label names of a head, as config.json carries them. */
import { RegmeanError } from '../errors.ts';
import { isLanguageTask, type TaskKind } from '../task.ts';

const defaultLabelCount = 2;

/**
 * The labels of config.json, in the order of the logits.
 *
 * @throws when `id2label` does not number its labels 0, 1, ..
 */
export function labelsOf(
  configJson: Readonly<Record<string, unknown>>,
  task: TaskKind,
  where: string,
): readonly string[] {
  if (isLanguageTask(task)) return [];
  const id2label = configJson.id2label;
  if (task === 'regression' && !hasOneLabel(id2label)) return ['LABEL_0'];
  if (typeof id2label !== 'object' || id2label === null) {
    const count = typeof configJson.num_labels === 'number' ? configJson.num_labels : defaultLabelCount;
    return Array.from({ length: count }, (_, id) => `LABEL_${id}`);
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
export function namedLabels(
  configJson: Readonly<Record<string, unknown>>,
  task: TaskKind,
  where: string,
): readonly string[] | null {
  const { id2label } = configJson;
  const isNamed = typeof id2label === 'object' && id2label !== null && !Array.isArray(id2label);
  return isNamed && task !== 'regression' && !isLanguageTask(task) ? labelsOf(configJson, task, where) : null;
}

/** Whether two lists hold the same names, in whatever order. */
export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

/**
 * Names of a head's outputs: the classes, or one name for the value of regression, which has no
 * classes.
 */
export function outputNames(task: TaskKind, labels: readonly string[]): readonly string[] {
  return task === 'regression' && labels.length === 0 ? ['LABEL_0'] : labels;
}

function hasOneLabel(id2label: unknown): boolean {
  return typeof id2label === 'object' && id2label !== null && Object.keys(id2label).join() === '0';
}

/** The `problem_type` field of config.json for a task. */
export function problemTypeOf(task: TaskKind): { problem_type?: string } {
  if (task === 'text-classification') return { problem_type: 'single_label_classification' };
  if (task === 'multi-label-classification') return { problem_type: 'multi_label_classification' };
  if (task === 'regression') return { problem_type: 'regression' };
  return {};
}
