// Original file: proto/regmean/v1/round.proto

import type { RoundEventKind as _regmean_v1_RoundEventKind, RoundEventKind__Output as _regmean_v1_RoundEventKind__Output } from '../../regmean/v1/RoundEventKind.ts';
import type { Round as _regmean_v1_Round, Round__Output as _regmean_v1_Round__Output } from '../../regmean/v1/Round.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * One event. Streams end after the event that carries the state MERGED or FAILED.
 */
export interface RoundEvent {
  'kind'?: (_regmean_v1_RoundEventKind);
  /**
   * When it happened, in milliseconds since 1970-01-01T00:00:00Z by the merger's clock.
   */
  'timeUnixMs'?: (number | string | Long);
  /**
   * The agent that the event is about; empty when it is about the round.
   */
  'agent'?: (string);
  /**
   * For people.
   */
  'message'?: (string);
  'done'?: (number | string | Long);
  'total'?: (number | string | Long);
  /**
   * Only in SNAPSHOT and STATE_CHANGED.
   */
  'round'?: (_regmean_v1_Round | null);
}

/**
 * One event. Streams end after the event that carries the state MERGED or FAILED.
 */
export interface RoundEvent__Output {
  'kind': (_regmean_v1_RoundEventKind__Output);
  /**
   * When it happened, in milliseconds since 1970-01-01T00:00:00Z by the merger's clock.
   */
  'timeUnixMs': (number);
  /**
   * The agent that the event is about; empty when it is about the round.
   */
  'agent': (string);
  /**
   * For people.
   */
  'message': (string);
  'done': (number);
  'total': (number);
  /**
   * Only in SNAPSHOT and STATE_CHANGED.
   */
  'round': (_regmean_v1_Round__Output | null);
}
