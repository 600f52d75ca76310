// Original file: proto/regmean/v1/round.proto


/**
 * How the merger will merge. For the agents to know; they need not act on it.
 */
export interface MergePlan {
  /**
   * Name of the merge method, as `regmean merge --method` takes it.
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
   * Regular expressions, searched anywhere in a parameter's name; those keep the base model's
   * values.
   */
  'exclude'?: (string)[];
  /**
   * Constant added to the diagonal of every Gram; only for `regmean`.
   */
  'ridge'?: (number | string);
  /**
   * Regular expressions: when there are any, only parameters that match one are merged.
   */
  'include'?: (string)[];
  /**
   * Regular expressions: parameters that are averaged whatever the method.
   */
  'average'?: (string)[];
  /**
   * Added to all Fisher information; only for `fisher`.
   */
  'fisherSmoothing'?: (number | string);
  /**
   * `none`, `parameter` or `model`; only for `fisher`.
   */
  'fisherNormalize'?: (string);
  /**
   * `normalized`: coefficients are divided by their sum; `as-given`.
   */
  'coefficientScale'?: (string);
  /**
   * `united`: one head for the classes of all agents; `separate`: each agent's own beside the
   * encoder.
   */
  'heads'?: (string);
  /**
   * Every option of the method with its value as JSON, by its key in recipes; those that have
   * fields of their own above are here too.
   */
  'options'?: ({[key: string]: string});
  /**
   * Fields of config.json and parts of the tokenizer in which contributions may differ and are
   * merged all the same.
   */
  'allowDifferent'?: (string)[];
  /**
   * Factor on the merged change of parameters from the base model.
   */
  'scale'?: (number | string);
  /**
   * How often agents' weights are merged: with 2 the second time with Grams that agents collect in
   * the first merge.
   */
  'rounds'?: (number);
  /**
   * The head is fitted to the data of all agents, with this on the diagonal of X^T X; absent where
   * it is merged.
   */
  'ridgeHead'?: (number | string);
  '_alpha'?: "alpha";
  '_ridge'?: "ridge";
  '_fisherSmoothing'?: "fisherSmoothing";
  '_fisherNormalize'?: "fisherNormalize";
  '_ridgeHead'?: "ridgeHead";
}

/**
 * How the merger will merge. For the agents to know; they need not act on it.
 */
export interface MergePlan__Output {
  /**
   * Name of the merge method, as `regmean merge --method` takes it.
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
   * Regular expressions, searched anywhere in a parameter's name; those keep the base model's
   * values.
   */
  'exclude': (string)[];
  /**
   * Constant added to the diagonal of every Gram; only for `regmean`.
   */
  'ridge'?: (number);
  /**
   * Regular expressions: when there are any, only parameters that match one are merged.
   */
  'include': (string)[];
  /**
   * Regular expressions: parameters that are averaged whatever the method.
   */
  'average': (string)[];
  /**
   * Added to all Fisher information; only for `fisher`.
   */
  'fisherSmoothing'?: (number);
  /**
   * `none`, `parameter` or `model`; only for `fisher`.
   */
  'fisherNormalize'?: (string);
  /**
   * `normalized`: coefficients are divided by their sum; `as-given`.
   */
  'coefficientScale': (string);
  /**
   * `united`: one head for the classes of all agents; `separate`: each agent's own beside the
   * encoder.
   */
  'heads': (string);
  /**
   * Every option of the method with its value as JSON, by its key in recipes; those that have
   * fields of their own above are here too.
   */
  'options': ({[key: string]: string});
  /**
   * Fields of config.json and parts of the tokenizer in which contributions may differ and are
   * merged all the same.
   */
  'allowDifferent': (string)[];
  /**
   * Factor on the merged change of parameters from the base model.
   */
  'scale': (number);
  /**
   * How often agents' weights are merged: with 2 the second time with Grams that agents collect in
   * the first merge.
   */
  'rounds': (number);
  /**
   * The head is fitted to the data of all agents, with this on the diagonal of X^T X; absent where
   * it is merged.
   */
  'ridgeHead'?: (number);
  '_alpha'?: "alpha";
  '_ridge'?: "ridge";
  '_fisherSmoothing'?: "fisherSmoothing";
  '_fisherNormalize'?: "fisherNormalize";
  '_ridgeHead'?: "ridgeHead";
}
