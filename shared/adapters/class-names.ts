import { RegmeanError } from '../errors.ts';
import { classesInConfig, hasClasses, numberedClasses } from '../models/classes.ts';
import type { TaskKind } from '../task.ts';

/**
 * Names of a full model's classes: those given, the base's, or numbers up to the size of the head.
 *
 * @param head the parameter with a row for each class and how many there are; null where none is
 *   there
 * @throws RegmeanError `usage` when other than that many names are given
 */
export function classNamesFor(
  { task, labels }: { readonly task: TaskKind; readonly labels?: readonly string[] },
  baseConfig: Readonly<Record<string, unknown>>,
  head: { readonly name: string; readonly size: number } | null,
): readonly string[] {
  if (!hasClasses(task)) return [];
  if (labels !== undefined && head !== null && labels.length !== head.size) {
    throw new RegmeanError(
      'usage',
      `--labels: must be ${head.size}, the outputs of ${head.name}, got ${labels.length}`,
    );
  }
  const named = labels ?? classesInConfig(baseConfig, task, 'base');
  const fits = head === null || named.length === head.size;
  return fits ? named : numberedClasses(head.size);
}
