import { join } from 'node:path';
import { readJson } from '../files/read-json.ts';
import { taskKinds } from '../task.ts';
import { z } from '../zod.ts';
import { baseIdentityShape, sha256Schema } from './base-identity.ts';
import { fisherReductions, fisherVariants } from './fisher.ts';

/** Name of the manifest in a contribution folder. */
export const manifestFile = 'contribution.json';

const fileNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/, 'must be a plain file name, without folders');

/**
 * `contribution.json`: where the weights come from, what they were trained on, and the checksum of
 * every file.
 */
export const manifestSchema = z.object({
  format: z.literal('regmean-contribution/1'),
  /** Name of the agent, unique in a round. */
  agent: z.string().min(1).max(100),
  ...baseIdentityShape,
  task: z.enum(taskKinds),
  /**
   * Class names in the order of the head's outputs; one name for regression, none for masked-lm.
   */
  labels: z.array(z.string()),
  /** The classes that occur in this agent's data; all of `labels` when absent. */
  seenLabels: z.array(z.string()).optional(),
  /** Examples that the model was fine-tuned on. */
  trainingExamples: z.int().nonnegative().optional(),
  /** What Grams and sums of normalisation layers were computed from; absent when there are none. */
  statistics: z
    .object({
      examples: z.int().positive(),
      /** Rows without padding that went through the encoder. */
      tokens: z.int().positive(),
      batches: z.int().positive(),
      /**
       * Fingerprint of the merged model that layers' inputs were taken in; absent where it is the
       * contribution's own model.
       */
      inputsFrom: sha256Schema.optional(),
    })
    .optional(),
  /** How the Fisher information was computed; absent when there is none. */
  fisher: z
    .object({
      variant: z.enum(fisherVariants),
      reduction: z.enum(fisherReductions),
      examples: z.int().positive(),
    })
    .optional(),
  /** How the output Grams were computed; absent when there are none. */
  outputGrams: z.object({ variant: z.enum(fisherVariants), examples: z.int().positive() }).optional(),
  /** Metrics that the agent chose to share, by name. */
  metrics: z.record(z.string(), z.number()),
  /** Tool and version that made the contribution: `regmean/0.1.0`. */
  tool: z.string(),
  /** Every other file of the folder. */
  files: z.record(fileNameSchema, z.object({ bytes: z.int().nonnegative(), sha256: sha256Schema })),
});

/** The manifest of a contribution. */
export type ContributionManifest = z.infer<typeof manifestSchema>;

/**
 * Reads the manifest of a contribution folder.
 *
 * @throws RegmeanError `not-found` or `invalid-input`, naming the field
 */
export async function readManifest(folder: string): Promise<ContributionManifest> {
  return readJson(join(folder, manifestFile), manifestSchema);
}
