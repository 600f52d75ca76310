import { z } from '../../shared/zod.ts';

/** Name of the report in the folder of a matching. */
export const matchReportFile = 'matching.json';

/** Folder of the permuted contribution in the folder of a matching. */
export const matchedFolder = 'contribution';

export const matchWays = ['weights', 'activations'] as const;

/** The schema of `matching.json`. */
export const matchReportSchema = z.object({
  format: z.literal('regmean-matching/1'),
  by: z.enum(matchWays),
  left: z.string(),
  right: z.string(),
  layers: z.array(
    z.object({
      /** The module whose neurons were matched, and the one that reads them. */
      layer: z.string(),
      next: z.string(),
      dimension: z.int().positive(),
      /** Neuron `assignment[i]` of the right model went to place i. */
      assignment: z.array(z.int().nonnegative()),
      /** Share of neurons that stayed where they were. */
      fixedShare: z.number(),
      meanDiagonal: z.number(),
      meanOffDiagonal: z.number(),
      /** The first rows and columns of the matrix. */
      corner: z.array(z.array(z.number())),
    }),
  ),
});

/** What a matching found. */
export type MatchReport = z.infer<typeof matchReportSchema>;
