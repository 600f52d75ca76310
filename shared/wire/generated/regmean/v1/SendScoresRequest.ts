// Original file: proto/regmean/v1/scores.proto

import type { CandidateScore as _regmean_v1_CandidateScore, CandidateScore__Output as _regmean_v1_CandidateScore__Output } from '../../regmean/v1/CandidateScore.ts';

/**
 * What an agent tells of the candidates.
 */
export interface SendScoresRequest {
  /**
   * Name of the agent, one whose contribution was accepted. With mutual TLS it must also be in the
   * client certificate.
   */
  'agent'?: (string);
  /**
   * Digest of the set of candidates, as the round tells it.
   */
  'set'?: (string);
  /**
   * One for every candidate; none from an agent that has no data to score on.
   */
  'scores'?: (_regmean_v1_CandidateScore)[];
}

/**
 * What an agent tells of the candidates.
 */
export interface SendScoresRequest__Output {
  /**
   * Name of the agent, one whose contribution was accepted. With mutual TLS it must also be in the
   * client certificate.
   */
  'agent': (string);
  /**
   * Digest of the set of candidates, as the round tells it.
   */
  'set': (string);
  /**
   * One for every candidate; none from an agent that has no data to score on.
   */
  'scores': (_regmean_v1_CandidateScore__Output)[];
}
