// Original file: proto/regmean/v1/round.proto

import type { ContributionState as _regmean_v1_ContributionState, ContributionState__Output as _regmean_v1_ContributionState__Output } from '../../regmean/v1/ContributionState.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * One expected agent and how far it has come.
 */
export interface AgentProgress {
  'name'?: (string);
  'state'?: (_regmean_v1_ContributionState);
  /**
   * Bytes committed so far.
   */
  'bytesReceived'?: (number | string | Long);
  /**
   * Bytes declared by the agent's manifest; 0 while nothing is known.
   */
  'bytesTotal'?: (number | string | Long);
  /**
   * Whether its scores of the candidates have arrived.
   */
  'hasScored'?: (boolean);
  /**
   * Whether what is awaited of it in the state REFINING has arrived.
   */
  'hasRefined'?: (boolean);
}

/**
 * One expected agent and how far it has come.
 */
export interface AgentProgress__Output {
  'name': (string);
  'state': (_regmean_v1_ContributionState__Output);
  /**
   * Bytes committed so far.
   */
  'bytesReceived': (number);
  /**
   * Bytes declared by the agent's manifest; 0 while nothing is known.
   */
  'bytesTotal': (number);
  /**
   * Whether its scores of the candidates have arrived.
   */
  'hasScored': (boolean);
  /**
   * Whether what is awaited of it in the state REFINING has arrived.
   */
  'hasRefined': (boolean);
}
