import type { TaskKind } from '../task.ts';
import type { Architecture } from './architecture.ts';
import { problemTypeOf } from './classes.ts';

/**
 * The task of the Hugging Face class that config.json names. One class serves several tasks:
 * `problem_type` tells which, and without it that of single labels is meant.
 *
 * @returns null when it names no class, or none of this family's here
 */
export function taskOfClass(
  { classNames }: Pick<Architecture, 'classNames'>,
  config: Readonly<Record<string, unknown>>,
): TaskKind | null {
  const named: readonly unknown[] = Array.isArray(config.architectures) ? config.architectures : [];
  const tasks = (Object.keys(classNames) as TaskKind[]).filter((task) => named.includes(classNames[task]));
  return tasks.find((task) => problemTypeOf(task).problem_type === config.problem_type) ?? tasks[0] ?? null;
}
