// Original file: proto/regmean/v1/round.proto

/**
 * Where a round stands. OPEN -> MERGING -> MERGED, or FAILED from either of the first two. With the
 * method `auto` agents score candidates in between: OPEN -> MERGING -> SCORING -> MERGING ->
 * MERGED. Where agents are asked again about a merge, it is OPEN -> MERGING -> REFINING -> MERGING
 * -> MERGED.
 */
export const RoundState = {
  ROUND_STATE_UNSPECIFIED: 'ROUND_STATE_UNSPECIFIED',
  /**
   * Contributions are accepted.
   */
  ROUND_STATE_OPEN: 'ROUND_STATE_OPEN',
  /**
   * No more contributions are accepted; the fused model is being computed.
   */
  ROUND_STATE_MERGING: 'ROUND_STATE_MERGING',
  /**
   * The fused model can be fetched.
   */
  ROUND_STATE_MERGED: 'ROUND_STATE_MERGED',
  /**
   * The deadline passed without the quorum, or the merge failed; `Round.failure` says why.
   */
  ROUND_STATE_FAILED: 'ROUND_STATE_FAILED',
  /**
   * Candidates of the fused model can be fetched, and agents' scores of them are awaited.
   */
  ROUND_STATE_SCORING: 'ROUND_STATE_SCORING',
  /**
   * An interim merge can be fetched, and what agents compute in it is awaited; see Refining.
   */
  ROUND_STATE_REFINING: 'ROUND_STATE_REFINING',
} as const;

/**
 * Where a round stands. OPEN -> MERGING -> MERGED, or FAILED from either of the first two. With the
 * method `auto` agents score candidates in between: OPEN -> MERGING -> SCORING -> MERGING ->
 * MERGED. Where agents are asked again about a merge, it is OPEN -> MERGING -> REFINING -> MERGING
 * -> MERGED.
 */
export type RoundState =
  | 'ROUND_STATE_UNSPECIFIED'
  | 0
  /**
   * Contributions are accepted.
   */
  | 'ROUND_STATE_OPEN'
  | 1
  /**
   * No more contributions are accepted; the fused model is being computed.
   */
  | 'ROUND_STATE_MERGING'
  | 2
  /**
   * The fused model can be fetched.
   */
  | 'ROUND_STATE_MERGED'
  | 3
  /**
   * The deadline passed without the quorum, or the merge failed; `Round.failure` says why.
   */
  | 'ROUND_STATE_FAILED'
  | 4
  /**
   * Candidates of the fused model can be fetched, and agents' scores of them are awaited.
   */
  | 'ROUND_STATE_SCORING'
  | 5
  /**
   * An interim merge can be fetched, and what agents compute in it is awaited; see Refining.
   */
  | 'ROUND_STATE_REFINING'
  | 6

/**
 * Where a round stands. OPEN -> MERGING -> MERGED, or FAILED from either of the first two. With the
 * method `auto` agents score candidates in between: OPEN -> MERGING -> SCORING -> MERGING ->
 * MERGED. Where agents are asked again about a merge, it is OPEN -> MERGING -> REFINING -> MERGING
 * -> MERGED.
 */
export type RoundState__Output = typeof RoundState[keyof typeof RoundState]
