/** @file What an agent says of candidates after it scored them on its private data: a kilobyte. */
import { sha256Schema } from '../contribution/base-identity.ts';
import { RegmeanError } from '../errors.ts';
import { plainNameSchema } from '../plain-name.ts';
import { z } from '../zod.ts';

const scoreSchema = z.strictObject({
  /** Name of the candidate. */
  candidate: plainNameSchema,
  /** The metric that the agent's task is judged by; larger is better. */
  metric: z.string().min(1).max(40),
  value: z.number('must be a finite number'),
  examples: z.int().min(1),
});

/** One agent's scores. */
export const candidateScoresSchema = z.strictObject({
  /** Digest of the set of candidates. */
  set: sha256Schema,
  scores: z.array(scoreSchema).min(1).max(100),
});

/** One agent's scores. */
export type CandidateScores = z.infer<typeof candidateScoresSchema>;

/** What is said of a candidate where models are scored. */
export interface ScoredCandidate {
  readonly name: string;
  /** Digest of the set that it is one of. */
  readonly set: string;
}

/**
 * A model's scores, as `regmean evaluate` gives them; those of others than candidates may be among
 * them.
 */
export interface EvaluatedModel {
  readonly model: string;
  readonly data: string;
  readonly examples: number;
  readonly main: string;
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly candidate?: ScoredCandidate | undefined;
}

/**
 * The scores of candidates by their main metrics.
 *
 * @param where names the scores in messages
 * @throws RegmeanError `invalid-input` without any, for those of several sets, and for several of
 *   one candidate
 */
export function candidateScores(where: string, evaluated: readonly EvaluatedModel[]): CandidateScores {
  const refuse = (message: string, hint: string): RegmeanError =>
    new RegmeanError('invalid-input', `${where}: ${message}`, { hint });
  const own = evaluated.flatMap((score) =>
    score.candidate === undefined ? [] : [{ ...score, ...score.candidate }],
  );
  const [first] = own;
  if (first === undefined) {
    throw refuse(
      'must hold scores of candidates, got none',
      'score them where they lie, with --model CANDIDATES',
    );
  }
  const other = own.find(({ set }) => set !== first.set);
  if (other !== undefined) {
    throw refuse(
      `must be of one set of candidates, ${first.model} and ${other.model} are of two`,
      'score the candidates of one folder at a time',
    );
  }
  const twice = own.find(({ name }, index) => own.findIndex((score) => score.name === name) < index);
  if (twice !== undefined) {
    throw refuse(
      `must hold one score of each candidate, got several of ${twice.name}`,
      'give `regmean evaluate` all rows in one data file',
    );
  }
  return {
    set: first.set,
    scores: own.map(({ name, main, metrics, examples }) => ({
      candidate: name,
      metric: main,
      value: metrics[main] ?? Number.NaN,
      examples,
    })),
  };
}
