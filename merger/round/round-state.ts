/**
 * @file The state of a round as a function of what lies on the disk and the clock. Nothing else
 *   remembers it, so a merger that was killed comes back to the state it was in.
 *
 *   open ──(every agent contributed, or the deadline passed with the quorum)──> merging ──> merged
 *   open ──(the deadline passed without the quorum)──> failed
 *   merging ──(the merge failed)──> failed
 *
 * A failed round stays failed until the recipe is changed (a later deadline, a smaller quorum,
 * another merge).
 */

/** Where a round stands. */
export type RoundState = 'open' | 'merging' | 'merged' | 'failed';

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
  /** Why the merge failed, when it did. */
  readonly mergeFailure: string | undefined;
}

/** The state with the reason of a failure. */
export interface RoundStanding {
  readonly state: RoundState;
  readonly failure: string | undefined;
}

/** Derives the state of a round. */
export function standingOf(facts: RoundFacts): RoundStanding {
  if (facts.merged) return { state: 'merged', failure: undefined };
  if (facts.mergeFailure !== undefined) return { state: 'failed', failure: facts.mergeFailure };
  const count = facts.contributed.length;
  if (facts.agents.every((agent) => facts.contributed.includes(agent))) {
    return { state: 'merging', failure: undefined };
  }
  if (facts.deadline === undefined || facts.now < facts.deadline)
    return { state: 'open', failure: undefined };
  if (count >= facts.quorum) return { state: 'merging', failure: undefined };
  return {
    state: 'failed',
    failure: `the deadline passed with ${count} contributions of the ${facts.quorum} needed`,
  };
}
