/**
 * @file The merge of a round that agents choose: the candidates, and the best of them by the scores
 *   that are stored.
 */
import { join } from 'node:path';
import { type CandidateSet, readCandidateSet } from '../../shared/candidates/candidate-set.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { acceptScores } from '../auto/accept-scores.ts';
import { type AutoMergeOptions, defaultRule } from '../auto/auto-options.ts';
import { chooseCandidate } from '../auto/choose-candidate.ts';
import { mergeCandidates, writeChosen } from '../auto/merge-candidates.ts';
import type { MergeReport } from '../merge/merge-report.ts';
import type { StoredRound } from './round-store.ts';
import { readGivenScores } from './scoring-store.ts';

/** What a choice among candidates takes of a round. */
export interface CandidateRound extends Pick<StoredRound, 'paths'> {
  /** Whose contributions are merged, in the order of the recipe. */
  readonly agents: readonly string[];
  readonly merge: Omit<AutoMergeOptions, 'base'>;
}

/**
 * Merges stored contributions by every candidate, into the round's folder of candidates.
 *
 * @throws RegmeanError when no candidate can be merged
 */
export function makeRoundCandidates(
  { paths, agents, merge }: CandidateRound,
  context: RunContext,
): Promise<CandidateSet> {
  return mergeCandidates(
    agents.map((agent) => join(paths.contributions, agent)),
    { ...merge, base: paths.base, out: paths.candidates },
    context,
  );
}

/** Makes the candidate that the stored scores choose the round's fused model. */
export async function takeBestCandidate({ paths, merge }: CandidateRound): Promise<MergeReport> {
  const set = await readCandidateSet(paths.candidates);
  const given = [...(await readGivenScores(paths))];
  const scores = given.map(([agent, own]) => acceptScores(set, agent, own));
  const choice = chooseCandidate(set, scores, { rule: merge.choose ?? defaultRule });
  return writeChosen(paths.candidates, choice, paths.merged);
}
