/** @file The central developer's own labelled data, that merged models are scored on. */
import { manifestFile, readManifest } from '../../shared/contribution/manifest.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { listFolder } from '../../shared/files/atomic-folder.ts';
import type { ScoringData } from '../../shared/inference/score-folder.ts';
import { createSharedData } from '../../shared/inference/shared-data.ts';
import type { TaskKind } from '../../shared/task.ts';
import type { ValidationSource } from './validation-source.ts';

/**
 * Prepares data to score merges of contributions on.
 *
 * @throws RegmeanError `usage` when neither the contributions nor the source say the task
 */
export async function openValidation(
  folders: readonly string[],
  source: ValidationSource,
): Promise<ScoringData> {
  const { validationFiles, columns, maxLength } = source;
  const task = source.task ?? (await declaredTask(folders));
  return { task, dataFiles: validationFiles, files: createSharedData({ task, columns }), maxLength };
}

async function declaredTask(folders: readonly string[]): Promise<TaskKind> {
  for (const folder of folders) {
    const names = (await listFolder(folder)) ?? [];
    if (names.includes(manifestFile)) return (await readManifest(folder)).task;
  }
  throw new RegmeanError('usage', '--task: needed with --validation, no contribution says its task');
}
