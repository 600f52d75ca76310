import { join } from 'node:path';
import { listFolder } from '../files/atomic-folder.ts';
import { writeJsonAtomically } from '../files/atomic-write.ts';
import { readJson } from '../files/read-json.ts';
import { trainingStateFolder } from '../formats/unfinished-training.ts';
import { taskKinds } from '../task.ts';
import { z } from '../zod.ts';
import { baseIdentityShape } from './base-identity.ts';

/** Name of the record that `regmean train` leaves in a fine-tuned folder. */
export const trainingRecordFile = 'training.json';

/**
 * `training.json`: how a model was fine-tuned; `regmean stats` fills the manifest of a contribution
 * from it.
 */
export const trainingRecordSchema = z.object({
  task: z.enum(taskKinds),
  /**
   * Class names in the order of the head's outputs; one name for regression, none for masked-lm.
   */
  labels: z.array(z.string()),
  baseFingerprint: baseIdentityShape.baseFingerprint.optional(),
  baseFingerprintFormat: baseIdentityShape.baseFingerprintFormat,
  /** The classes that occur in the training examples. */
  seenLabels: z.array(z.string()).optional(),
  seed: z.int().optional(),
  /** Seed that a new head was initialised from. */
  headSeed: z.int().optional(),
  /** Training examples. */
  examples: z.int().nonnegative().optional(),
  epochs: z.number().nonnegative().optional(),
  metrics: z.record(z.string(), z.number()).optional(),
  tool: z.string().optional(),
});

/** How a model was fine-tuned. */
export type TrainingRecord = z.infer<typeof trainingRecordSchema>;

/** Reads `training.json` of a fine-tuned folder. */
export async function readTrainingRecord(folder: string): Promise<TrainingRecord> {
  return readJson(join(folder, trainingRecordFile), trainingRecordSchema);
}

/** Writes `training.json` into a fine-tuned folder. */
export async function writeTrainingRecord(folder: string, record: TrainingRecord): Promise<void> {
  await writeJsonAtomically(join(folder, trainingRecordFile), trainingRecordSchema.parse(record));
}

/** Whether a training of this folder ran to its end. */
export async function isTrained(folder: string): Promise<boolean> {
  const names = (await listFolder(folder)) ?? [];
  return names.includes(trainingRecordFile) && !names.includes(trainingStateFolder);
}
