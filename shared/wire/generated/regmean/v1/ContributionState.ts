// Original file: proto/regmean/v1/round.proto

/**
 * How far one agent's contribution has come.
 */
export const ContributionState = {
  CONTRIBUTION_STATE_UNSPECIFIED: 'CONTRIBUTION_STATE_UNSPECIFIED',
  /**
   * Nothing has arrived yet.
   */
  CONTRIBUTION_STATE_AWAITED: 'CONTRIBUTION_STATE_AWAITED',
  /**
   * Some bytes have been committed; the rest can follow at any time.
   */
  CONTRIBUTION_STATE_UPLOADING: 'CONTRIBUTION_STATE_UPLOADING',
  /**
   * All bytes have arrived and are being checked.
   */
  CONTRIBUTION_STATE_VALIDATING: 'CONTRIBUTION_STATE_VALIDATING',
  /**
   * The contribution is stored and takes part in the merge.
   */
  CONTRIBUTION_STATE_ACCEPTED: 'CONTRIBUTION_STATE_ACCEPTED',
} as const;

/**
 * How far one agent's contribution has come.
 */
export type ContributionState =
  | 'CONTRIBUTION_STATE_UNSPECIFIED'
  | 0
  /**
   * Nothing has arrived yet.
   */
  | 'CONTRIBUTION_STATE_AWAITED'
  | 1
  /**
   * Some bytes have been committed; the rest can follow at any time.
   */
  | 'CONTRIBUTION_STATE_UPLOADING'
  | 2
  /**
   * All bytes have arrived and are being checked.
   */
  | 'CONTRIBUTION_STATE_VALIDATING'
  | 3
  /**
   * The contribution is stored and takes part in the merge.
   */
  | 'CONTRIBUTION_STATE_ACCEPTED'
  | 4

/**
 * How far one agent's contribution has come.
 */
export type ContributionState__Output = typeof ContributionState[keyof typeof ContributionState]
