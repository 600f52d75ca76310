// Original file: proto/regmean/v1/round.proto


/**
 * Covariances of the gradients of linear layers' outputs that a contribution must hold.
 */
export interface OutputGramsWanted {
  /**
   * Whose labels: `empirical`, `hard` or `soft`.
   */
  'variant'?: (string);
  /**
   * The most examples to collect over.
   */
  'examples'?: (number);
}

/**
 * Covariances of the gradients of linear layers' outputs that a contribution must hold.
 */
export interface OutputGramsWanted__Output {
  /**
   * Whose labels: `empirical`, `hard` or `soft`.
   */
  'variant': (string);
  /**
   * The most examples to collect over.
   */
  'examples': (number);
}
