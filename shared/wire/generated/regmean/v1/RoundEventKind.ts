// Original file: proto/regmean/v1/round.proto

/**
 * What happened in a round.
 */
export const RoundEventKind = {
  ROUND_EVENT_KIND_UNSPECIFIED: 'ROUND_EVENT_KIND_UNSPECIFIED',
  /**
   * The first event of every stream: `round` holds the state at this moment.
   */
  ROUND_EVENT_KIND_SNAPSHOT: 'ROUND_EVENT_KIND_SNAPSHOT',
  /**
   * Nothing happened for a while, and the merger is alive.
   */
  ROUND_EVENT_KIND_HEARTBEAT: 'ROUND_EVENT_KIND_HEARTBEAT',
  /**
   * An agent began or resumed its upload; `done` and `total` are bytes.
   */
  ROUND_EVENT_KIND_UPLOAD: 'ROUND_EVENT_KIND_UPLOAD',
  /**
   * Every byte of an agent's contribution has arrived and is being checked.
   */
  ROUND_EVENT_KIND_CHECKING: 'ROUND_EVENT_KIND_CHECKING',
  /**
   * An agent's contribution was stored.
   */
  ROUND_EVENT_KIND_ACCEPTED: 'ROUND_EVENT_KIND_ACCEPTED',
  /**
   * An agent's contribution was refused; `message` says why.
   */
  ROUND_EVENT_KIND_REFUSED: 'ROUND_EVENT_KIND_REFUSED',
  /**
   * The merge has come to step `done` of `total`; `message` names the parameter or group.
   */
  ROUND_EVENT_KIND_MERGE_PROGRESS: 'ROUND_EVENT_KIND_MERGE_PROGRESS',
  /**
   * The round changed its state; `round` holds the new one.
   */
  ROUND_EVENT_KIND_STATE_CHANGED: 'ROUND_EVENT_KIND_STATE_CHANGED',
  /**
   * An agent's scores of the candidates were stored.
   */
  ROUND_EVENT_KIND_SCORED: 'ROUND_EVENT_KIND_SCORED',
  /**
   * What an agent was asked for again was stored.
   */
  ROUND_EVENT_KIND_REFINED: 'ROUND_EVENT_KIND_REFINED',
} as const;

/**
 * What happened in a round.
 */
export type RoundEventKind =
  | 'ROUND_EVENT_KIND_UNSPECIFIED'
  | 0
  /**
   * The first event of every stream: `round` holds the state at this moment.
   */
  | 'ROUND_EVENT_KIND_SNAPSHOT'
  | 1
  /**
   * Nothing happened for a while, and the merger is alive.
   */
  | 'ROUND_EVENT_KIND_HEARTBEAT'
  | 2
  /**
   * An agent began or resumed its upload; `done` and `total` are bytes.
   */
  | 'ROUND_EVENT_KIND_UPLOAD'
  | 3
  /**
   * Every byte of an agent's contribution has arrived and is being checked.
   */
  | 'ROUND_EVENT_KIND_CHECKING'
  | 4
  /**
   * An agent's contribution was stored.
   */
  | 'ROUND_EVENT_KIND_ACCEPTED'
  | 5
  /**
   * An agent's contribution was refused; `message` says why.
   */
  | 'ROUND_EVENT_KIND_REFUSED'
  | 6
  /**
   * The merge has come to step `done` of `total`; `message` names the parameter or group.
   */
  | 'ROUND_EVENT_KIND_MERGE_PROGRESS'
  | 7
  /**
   * The round changed its state; `round` holds the new one.
   */
  | 'ROUND_EVENT_KIND_STATE_CHANGED'
  | 8
  /**
   * An agent's scores of the candidates were stored.
   */
  | 'ROUND_EVENT_KIND_SCORED'
  | 9
  /**
   * What an agent was asked for again was stored.
   */
  | 'ROUND_EVENT_KIND_REFINED'
  | 10

/**
 * What happened in a round.
 */
export type RoundEventKind__Output = typeof RoundEventKind[keyof typeof RoundEventKind]
