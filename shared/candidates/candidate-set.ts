/**
 * @file Candidates: several merges of the same contributions, of which one is chosen by how good
 *   they are on the agents' private data. A folder of them holds a whole model folder for each, by
 *   its name, and `candidates.json`.
 */
import { join } from 'node:path';
import { sha256Schema } from '../contribution/base-identity.ts';
import { readJson } from '../files/read-json.ts';
import { plainNameSchema } from '../plain-name.ts';
import { z } from '../zod.ts';

/** Name of the list in a folder of candidates. */
export const candidateSetFile = 'candidates.json';

const leftOutSchema = z.object({ name: plainNameSchema, title: z.string(), reason: z.string() });

/** `candidates.json` */
export const candidateSetSchema = z.object({
  format: z.literal('regmean-candidates/1'),
  /** Tool and version that made them: `regmean/0.1.0`. */
  tool: z.string(),
  /**
   * SHA-256 of all that they are made of: contributions, base, options. Scores say which set they
   * are of.
   */
  digest: sha256Schema,
  /**
   * The metric that all agents score by; null where heads are kept apart, and the agents' tasks may
   * differ.
   */
  metric: z.string().nullable(),
  contributions: z.array(z.object({ agent: z.string(), digest: sha256Schema })),
  /** In their order: of equally good ones the first is chosen, and without scores the first. */
  candidates: z
    .array(
      z.object({
        /** Name of its folder. */
        name: plainNameSchema,
        /** As people call it. */
        title: z.string(),
        method: z.string(),
        /** The method's options with their defaults filled in. */
        options: z.record(z.string(), z.unknown()),
        /** Factor on the merged change from the base. */
        scale: z.number(),
      }),
    )
    .min(1),
  /** Candidates that could not be merged, and why. */
  leftOut: z.array(leftOutSchema),
});

/** A set of candidates. */
export type CandidateSet = z.infer<typeof candidateSetSchema>;

/** A candidate of a set. */
export type ListedCandidate = CandidateSet['candidates'][number];

/**
 * Reads `candidates.json` of a folder.
 *
 * @throws RegmeanError `not-found` or `invalid-input`, naming the field
 */
export function readCandidateSet(folder: string): Promise<CandidateSet> {
  return readJson(join(folder, candidateSetFile), candidateSetSchema);
}
