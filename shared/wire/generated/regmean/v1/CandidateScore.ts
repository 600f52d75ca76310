// Original file: proto/regmean/v1/scores.proto


/**
 * How well one candidate does on an agent's own data.
 */
export interface CandidateScore {
  /**
   * Name of the candidate.
   */
  'candidate'?: (string);
  /**
   * The metric that the task is judged by, for instance `accuracy`; higher is better.
   */
  'metric'?: (string);
  'value'?: (number | string);
  /**
   * How many examples it was scored on.
   */
  'examples'?: (number);
}

/**
 * How well one candidate does on an agent's own data.
 */
export interface CandidateScore__Output {
  /**
   * Name of the candidate.
   */
  'candidate': (string);
  /**
   * The metric that the task is judged by, for instance `accuracy`; higher is better.
   */
  'metric': (string);
  'value': (number);
  /**
   * How many examples it was scored on.
   */
  'examples': (number);
}
