/**
 * @file The state of a round as a function of what lies on the disk and the clock. Nothing else
 *   remembers it, so a merger that was killed comes back to the state it was in.
 *
 *   open ──(every agent contributed, or the deadline passed with the quorum)──> merging ──> merged
 *   merging ──(candidates are there)──> scoring ──(all have scored, or time is up)──> merging
 *   merging ──(an interim merge is there)──> refining ──(all have sent what is wanted, or time is
 *   up)──> merging open ──(the deadline passed without the quorum)──> failed merging ──(the merge
 *   failed)──> failed
 *
 * A failed round stays failed until the recipe is changed (a later deadline, a smaller quorum,
 * another merge).
 */

import type { Refinement } from '../recipe/recipe.ts';
import type { RefinementFacts } from './refinement-store.ts';

/** Where a round stands. */
export type RoundState = 'open' | 'merging' | 'scoring' | 'refining' | 'merged' | 'failed';

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
  /** What agents are asked for again, in this order. */
  readonly refinements: readonly RefinementFacts[];
  /** Why the merge failed, when it did. */
  readonly mergeFailure: string | undefined;
}

/** The state with the reason of a failure. */
export interface RoundStanding {
  readonly state: RoundState;
  readonly failure: string | undefined;
  /** When waiting for agents ends, in milliseconds since 1970; only of `scoring` and `refining`. */
  readonly until?: number;
  /** What agents are asked for; only of `refining`. */
  readonly wanted?: Refinement;
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
function complete({ contributed, scoring, refinements, now }: RoundFacts): RoundStanding {
  const isAwaited = (until: number, heard: readonly string[]): boolean =>
    now < until && contributed.some((agent) => !heard.includes(agent));
  for (const { wanted, asked } of refinements) {
    if (asked === undefined) break;
    const { until, refined } = asked;
    if (isAwaited(until, refined)) return { state: 'refining', failure: undefined, until, wanted };
  }
  if (scoring === undefined || !isAwaited(scoring.until, scoring.scored)) {
    return { state: 'merging', failure: undefined };
  }
  return { state: 'scoring', failure: undefined, until: scoring.until };
}
