/** @file What tells a folder that a training has not ended in from a model. */
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';

/** Folder inside a model folder that holds the state of a training until its last step. */
export const trainingStateFolder = '.training';

/**
 * Refuses a folder whose training has not ended: what lies there may be the best epoch so far,
 * which is not the model that was asked for.
 *
 * @throws RegmeanError `invalid-input`
 */
export async function requireFinishedTraining(folder: string): Promise<void> {
  const names = await listFolder(folder).catch(() => undefined);
  if (names?.includes(trainingStateFolder) !== true) return;
  throw new RegmeanError('invalid-input', `${folder}: must be a model, got an unfinished training`, {
    hint: 'repeat the `regmean train` that it was started with: it continues to the end',
  });
}
