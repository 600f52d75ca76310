// Original file: proto/regmean/v1/contribution.proto


/**
 * Sent while the contribution is being checked, at least every few seconds, so that the agent sees
 * the merger work.
 */
export interface Validating {
  /**
   * Seconds since the check began.
   */
  'seconds'?: (number | string);
}

/**
 * Sent while the contribution is being checked, at least every few seconds, so that the agent sees
 * the merger work.
 */
export interface Validating__Output {
  /**
   * Seconds since the check began.
   */
  'seconds': (number);
}
