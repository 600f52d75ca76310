/**
 * @file The state of an unfinished training, on disk: enough to continue with the same bits after a
 *   crash or Ctrl-C. It lies in `OUT/.training` and goes away when the training is complete.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RegmeanError } from '../../shared/errors.ts';
import { listFolder } from '../../shared/files/atomic-folder.ts';
import { trainingStateFolder } from '../../shared/formats/unfinished-training.ts';
import { openSafetensors } from '../../shared/safetensors/open-safetensors.ts';
import { writeSafetensors } from '../../shared/safetensors/write-safetensors.ts';
import { z } from '../../shared/zod.ts';
import type { AdamW } from './adamw.ts';
import type { ParameterArena } from './parameter-arena.ts';

const stateFile = 'state.safetensors';

const progressSchema = z.object({
  /** Steps taken. */
  step: z.int().nonnegative(),
  /** Epochs that were evaluated. */
  evaluatedEpochs: z.int().nonnegative(),
  best: z
    .object({ epoch: z.int(), metric: z.number(), metrics: z.record(z.string(), z.number()) })
    .nullable(),
  /** Identifies model, data and options: a state only continues the training that it came from. */
  identity: z.string(),
});

/** How far a training has come. */
export type TrainingProgress = z.infer<typeof progressSchema>;

/** Saves the state, replacing the one before in a single rename. */
export async function saveCheckpoint(
  out: string,
  progress: TrainingProgress,
  parameters: ParameterArena,
  optimizer: AdamW,
): Promise<void> {
  const folder = join(out, trainingStateFolder);
  await mkdir(folder, { recursive: true });
  const state = optimizer.state();
  const tensor = (name: string, data: Float32Array) => ({ name, shape: [data.length], data });
  await writeSafetensors(
    join(folder, stateFile),
    [
      tensor('parameters', parameters.flat),
      tensor('first_moment', state.firstMoment),
      tensor('second_moment', state.secondMoment),
    ],
    { progress: JSON.stringify(progress) },
  );
}

/**
 * Restores the state of an unfinished training, if there is one.
 *
 * @returns how far it had come; null when `out` is new
 * @throws when `out` holds another training, or a finished model
 */
export async function restoreCheckpoint(
  { out, identity }: { readonly out: string; readonly identity: string },
  parameters: ParameterArena,
  optimizer: AdamW,
): Promise<TrainingProgress | null> {
  const present = (await listFolder(out)) ?? [];
  if (!present.includes(trainingStateFolder)) {
    if (present.length === 0) return null;
    throw new RegmeanError(
      'invalid-input',
      `${out}: must be a new or empty folder, or an unfinished training`,
      {
        hint: 'choose another folder, or delete this one',
      },
    );
  }
  const folder = join(out, trainingStateFolder);
  if (!((await listFolder(folder)) ?? []).includes(stateFile)) return null;
  const file = await openSafetensors(join(folder, stateFile));
  try {
    const progress = readProgress(file.metadata.get('progress'));
    if (progress?.identity !== identity) {
      throw new RegmeanError(
        'usage',
        `--out ${out}: holds an unfinished training with other data or options`,
        {
          hint: 'repeat the arguments it was started with to continue it, or delete the folder',
        },
      );
    }
    parameters.flat.set((await file.readFloat32('parameters')).data);
    optimizer.restore({
      firstMoment: (await file.readFloat32('first_moment')).data,
      secondMoment: (await file.readFloat32('second_moment')).data,
      step: progress.step,
    });
    return progress;
  } finally {
    await file.close();
  }
}

/** Null for a state that another version wrote. */
function readProgress(text: string | undefined): TrainingProgress | null {
  return progressSchema.safeParse(JSON.parse(text ?? 'null')).data ?? null;
}

/** Removes the state of a training that is complete. */
export async function removeCheckpoint(out: string): Promise<void> {
  await rm(join(out, trainingStateFolder), { recursive: true, force: true });
}
