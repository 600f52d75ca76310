/** @file The rule by which one of several merges is chosen. */
import type { CandidateSet } from '../../shared/candidates/candidate-set.ts';
import type { CandidateReport, ChoiceReport, ChoiceRule } from '../merge/merge-report.ts';
import type { AcceptedScores } from './accept-scores.ts';

/**
 * How far below the best the worst agent's score may be by the rule `both`: one point of a metric
 * that is at most 1.
 */
export const worstTolerance = 0.01;

/** How a choice is made. */
export interface ChoiceOptions {
  readonly rule: ChoiceRule;
  /** Whose scores they are. */
  readonly by?: 'scores' | 'validation';
}

/**
 * Chooses a candidate by scores. By `mean` the one with the highest mean over agents; by `worst`
 * the one whose lowest score is highest; by `both` the highest mean among those whose lowest score
 * is at most `worstTolerance` below the highest lowest one. Of equals the first is chosen.
 *
 * Means are comparable over the same agents only. A candidate that nobody scored is left out; an
 * agent counts if it scored all others. Without such an agent the first candidate is chosen.
 */
export function chooseCandidate(
  { candidates: listed, leftOut }: Pick<CandidateSet, 'candidates' | 'leftOut'>,
  scores: readonly AcceptedScores[],
  { rule, by = 'scores' }: ChoiceOptions,
): ChoiceReport {
  const isScored = ({ name }: { readonly name: string }): boolean =>
    scores.some(({ results }) => results.has(name));
  const scored = scores.length === 0 ? listed : listed.filter(isScored);
  const missing = ({ results }: AcceptedScores): readonly string[] =>
    scored.flatMap(({ name }) => (results.has(name) ? [] : [name]));
  const complete = scores.filter((own) => missing(own).length === 0);
  const candidates = scored.map((candidate): CandidateReport => {
    const results = complete.flatMap(({ agent, results: own }) => {
      const result = own.get(candidate.name);
      return result === undefined ? [] : [[agent, result] as const];
    });
    const values = results.map(([, { value }]) => value);
    return {
      ...candidate,
      scores: Object.fromEntries(results),
      mean: values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length,
      worst: values.length === 0 ? null : Math.min(...values),
    };
  });
  const isDecided = complete.length > 0;
  return {
    chosen: (isDecided ? bestOf(candidates, rule) : candidates[0])?.name ?? '',
    by: isDecided ? by : 'order',
    rule: isDecided ? rule : null,
    candidates,
    leftOut: [
      ...leftOut,
      ...listed
        .filter((own) => !scored.includes(own))
        .map(({ name, title }) => ({ name, title, reason: 'nobody scored it' })),
    ],
    incomplete: Object.fromEntries(
      scores.flatMap((own) => (missing(own).length === 0 ? [] : [[own.agent, missing(own)] as const])),
    ),
  };
}

function bestOf(candidates: readonly CandidateReport[], rule: ChoiceRule): CandidateReport | undefined {
  // A correlation of constant predictions is no number.
  const known = (value: number | null): number =>
    value === null || Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value;
  const meanOf = ({ mean }: CandidateReport): number => known(mean);
  const worstOf = ({ worst }: CandidateReport): number => known(worst);
  if (rule === 'mean') return highest(candidates, meanOf);
  const best = highest(candidates, worstOf);
  if (rule === 'worst' || best === undefined) return best;
  const limit = worstOf(best) - worstTolerance;
  return highest(
    candidates.filter((own) => worstOf(own) >= limit),
    meanOf,
  );
}

/** The first of those with the highest value. */
function highest(
  candidates: readonly CandidateReport[],
  measure: (candidate: CandidateReport) => number,
): CandidateReport | undefined {
  return candidates.reduce<CandidateReport | undefined>(
    (best, own) => (best === undefined || measure(own) > measure(best) ? own : best),
    undefined,
  );
}
