// Original file: proto/regmean/v1/round.proto


/**
 * How much of every Gram a contribution holds.
 */
export interface GramForm {
  /**
   * `dense`, `factored` or `diagonal`.
   */
  'form'?: (string);
  /**
   * Rows of a factor at most.
   */
  'rank'?: (number);
  /**
   * The same as `form`, of Grams whose rows are each of a single token.
   */
  'tokenForm'?: (string);
}

/**
 * How much of every Gram a contribution holds.
 */
export interface GramForm__Output {
  /**
   * `dense`, `factored` or `diagonal`.
   */
  'form': (string);
  /**
   * Rows of a factor at most.
   */
  'rank': (number);
  /**
   * The same as `form`, of Grams whose rows are each of a single token.
   */
  'tokenForm': (string);
}
