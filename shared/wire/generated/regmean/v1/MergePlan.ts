// Original file: proto/regmean/v1/round.proto


/**
 * How the merger will merge. For the agents to know; they need not act on it.
 */
export interface MergePlan {
  /**
   * `simple` or `regmean`.
   */
  'method'?: (string);
  /**
   * Share of the off-diagonal of each Gram that is kept, in [0, 1]; only for `regmean`.
   */
  'alpha'?: (number | string);
  /**
   * `mean` or `sum`; only for `regmean`.
   */
  'gramScale'?: (string);
  /**
   * Coefficient by agent name; equal coefficients when empty.
   */
  'coefficients'?: ({[key: string]: number | string});
  /**
   * Regular expressions, searched anywhere in a parameter's name; those keep the base model's values.
   */
  'exclude'?: (string)[];
  '_alpha'?: "alpha";
}

/**
 * How the merger will merge. For the agents to know; they need not act on it.
 */
export interface MergePlan__Output {
  /**
   * `simple` or `regmean`.
   */
  'method': (string);
  /**
   * Share of the off-diagonal of each Gram that is kept, in [0, 1]; only for `regmean`.
   */
  'alpha'?: (number);
  /**
   * `mean` or `sum`; only for `regmean`.
   */
  'gramScale': (string);
  /**
   * Coefficient by agent name; equal coefficients when empty.
   */
  'coefficients': ({[key: string]: number});
  /**
   * Regular expressions, searched anywhere in a parameter's name; those keep the base model's values.
   */
  'exclude': (string)[];
  '_alpha'?: "alpha";
}
