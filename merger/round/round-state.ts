/**
 * @file The state of a round as a function of what lies on the disk and the clock. Nothing else
 *   remembers it, so a merger that was killed comes back to the state it was in.
 *
 *   open ──(every agent contributed, or the deadline passed with the quorum)──> merging ──> merged
 *   merging ──(candidates are there)──> scoring ──(all have scored, or time is up)──> merging
 *   open ──(the deadline passed without the quorum)──> failed
 *   merging ──(the merge failed)──> failed
 *
 * A failed round stays failed until the recipe is changed (a later deadline, a smaller quorum,
 * another merge).
 */

/** Where a round stands. */
export type RoundState = 'open' | 'merging' | 'scoring' | 'merged' | 'failed';

/** What the state depends on. */
export interface RoundFacts {
  readonly agents: readonly string[];
  readonly contributed: readonly string[];
  readonly quorum: number;
  /** Milliseconds since 1970, or undefined when the round waits for every agent. */
  readonly deadline: number | undefined;
  readonly now: number;
  /** Whether the fused model is there. */
  readonly merged: boolean;
  /** Candidates that agents score, where the merge is chosen by their scores and they are there. */
  readonly scoring: { readonly until: number; readonly scored: readonly string[] } | undefined;
  /** Why the merge failed, when it did. */
  readonly mergeFailure: string | undefined;
}

/** The state with the reason of a failure. */
export interface RoundStanding {
  readonly state: RoundState;
  readonly failure: string | undefined;
  /** When waiting for scores ends, in milliseconds since 1970; only of `scoring`. */
  readonly scoringUntil?: number;
}

/** Derives the state of a round. */
export function standingOf(facts: RoundFacts): RoundStanding {
  if (facts.merged) return { state: 'merged', failure: undefined };
  if (facts.mergeFailure !== undefined) return { state: 'failed', failure: facts.mergeFailure };
  const count = facts.contributed.length;
  if (facts.agents.every((agent) => facts.contributed.includes(agent))) return complete(facts);
  if (facts.deadline === undefined || facts.now < facts.deadline)
    return { state: 'open', failure: undefined };
  if (count >= facts.quorum) return complete(facts);
  return {
    state: 'failed',
    failure: `the deadline passed with ${count} contributions of the ${facts.quorum} needed`,
  };
}

/** Of a round that takes no more contributions. */
function complete({ contributed, scoring, now }: RoundFacts): RoundStanding {
  const isAwaited =
    scoring !== undefined &&
    now < scoring.until &&
    contributed.some((agent) => !scoring.scored.includes(agent));
  if (!isAwaited) return { state: 'merging', failure: undefined };
  return { state: 'scoring', failure: undefined, scoringUntil: scoring.until };
}
