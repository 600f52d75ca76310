// Original file: proto/regmean/v1/round.proto


/**
 * Diagonal Fisher information that a contribution must hold.
 */
export interface FisherWanted {
  /**
   * Whose labels: `empirical`, `hard` or `soft`.
   */
  'variant'?: (string);
  /**
   * The most examples to collect over.
   */
  'examples'?: (number);
  /**
   * What is squared: gradients of single examples (`example`), or of batch means (`batch`).
   */
  'reduction'?: (string);
}

/**
 * Diagonal Fisher information that a contribution must hold.
 */
export interface FisherWanted__Output {
  /**
   * Whose labels: `empirical`, `hard` or `soft`.
   */
  'variant': (string);
  /**
   * The most examples to collect over.
   */
  'examples': (number);
  /**
   * What is squared: gradients of single examples (`example`), or of batch means (`batch`).
   */
  'reduction': (string);
}
