/** @file Scores of candidates as they arrive: from agents, of whom nothing is believed. */
import { candidateScoresSchema } from '../../shared/candidates/candidate-scores.ts';
import type { CandidateSet } from '../../shared/candidates/candidate-set.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { CandidateResult } from '../merge/merge-report.ts';

/** One agent's scores, checked. */
export interface AcceptedScores {
  readonly agent: string;
  /** By the name of the candidate. */
  readonly results: ReadonlyMap<string, CandidateResult>;
}

/**
 * Checks what an agent says of candidates: that it is of this set, names its candidates, each once,
 * by one metric, which is the one that is expected, and holds finite numbers.
 *
 * @param agent names it in messages
 * @param message see `candidateScoresSchema`
 * @throws RegmeanError `invalid-input`, naming the agent, the candidate and the rule
 */
export function acceptScores(
  { digest, metric, candidates }: Pick<CandidateSet, 'digest' | 'metric' | 'candidates'>,
  agent: string,
  message: unknown,
): AcceptedScores {
  const refuse = (complaint: string, hint?: string): RegmeanError =>
    new RegmeanError('invalid-input', `${agent}: ${complaint}`, hint === undefined ? {} : { hint });
  const parsed = candidateScoresSchema.safeParse(message);
  const issue = parsed.error?.issues[0];
  if (parsed.data === undefined) throw refuse(`${placeOf(issue?.path ?? [], message)}: ${issue?.message}`);
  const { set, scores } = parsed.data;
  if (set !== digest) {
    throw refuse(
      `scores must be of these candidates, got those of others (${set.slice(0, 16)}, here ${digest.slice(0, 16)})`,
      'merge the same contributions with the same options as the candidates that were scored, or score anew',
    );
  }
  const results = new Map<string, CandidateResult>();
  const expected = metric ?? scores[0]?.metric;
  for (const { candidate, ...result } of scores) {
    if (!candidates.some(({ name }) => name === candidate)) {
      throw refuse(`scores must be of candidates of the merge, ${candidate} is none`);
    }
    if (results.has(candidate))
      throw refuse(`scores must be one of each candidate, ${candidate} has several`);
    if (result.metric !== expected) {
      throw refuse(`score of ${candidate} must be of ${expected}, got ${result.metric}`);
    }
    results.set(candidate, result);
  }
  return { agent, results };
}

/** Where in a message something is wrong: the candidate's name, where it has a plain one. */
function placeOf(path: readonly PropertyKey[], message: unknown): string {
  const [list, index, key] = path;
  const scores: unknown = (message as { readonly scores?: unknown } | null)?.scores;
  const score: unknown = Array.isArray(scores) && typeof index === 'number' ? scores[index] : undefined;
  const name: unknown = (score as { readonly candidate?: unknown } | null | undefined)?.candidate;
  if (list !== 'scores' || typeof name !== 'string' || key === 'candidate')
    return ['scores', ...path.slice(1)].join('.');
  return `score of ${name.slice(0, 64)}${key === undefined ? '' : `, ${String(key)}`}`;
}
