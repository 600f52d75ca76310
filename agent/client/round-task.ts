import { RegmeanError } from '../../shared/errors.ts';
import { type TaskKind, taskKinds } from '../../shared/task.ts';
import type { RoundInfo } from '../../shared/wire/get-round.ts';

/**
 * The task of a round.
 *
 * @throws RegmeanError `unsupported` for one that is not known here
 */
export function roundTask({ task }: RoundInfo): TaskKind {
  const known = taskKinds.find((kind) => kind === task);
  if (known !== undefined) return known;
  throw new RegmeanError(
    'unsupported',
    `the round's task must be one of ${taskKinds.join(', ')}, got ${task}`,
  );
}
