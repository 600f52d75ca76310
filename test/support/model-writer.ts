import { withModel } from '../../shared/formats/open-model.ts';
import type { TaskKind } from '../../shared/task.ts';

/** What writes the model of a folder into a contribution. */
export function modelWriter(
  folder: string,
  task: TaskKind = 'text-classification',
  labels: readonly string[] = ['no', 'yes'],
): (to: string) => Promise<void> {
  return (to) => withModel(folder, (model) => model.writeFolder(to, task, labels));
}
