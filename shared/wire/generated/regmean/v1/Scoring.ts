// Original file: proto/regmean/v1/round.proto

import type { Candidate as _regmean_v1_Candidate, Candidate__Output as _regmean_v1_Candidate__Output } from '../../regmean/v1/Candidate.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * The candidates of a round and until when they can be scored.
 */
export interface Scoring {
  /**
   * Digest of the set of candidates; scores say it again.
   */
  'set'?: (string);
  'candidates'?: (_regmean_v1_Candidate)[];
  /**
   * When the merger stops waiting for scores, in milliseconds since 1970-01-01T00:00:00Z.
   */
  'deadlineUnixMs'?: (number | string | Long);
}

/**
 * The candidates of a round and until when they can be scored.
 */
export interface Scoring__Output {
  /**
   * Digest of the set of candidates; scores say it again.
   */
  'set': (string);
  'candidates': (_regmean_v1_Candidate__Output)[];
  /**
   * When the merger stops waiting for scores, in milliseconds since 1970-01-01T00:00:00Z.
   */
  'deadlineUnixMs': (number);
}
