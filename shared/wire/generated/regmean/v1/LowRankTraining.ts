// Original file: proto/regmean/v1/round.proto


/**
 * Updates of low rank (LoRA) beside the weights of linear layers.
 */
export interface LowRankTraining {
  'rank'?: (number);
  /**
   * Updates are multiplied by alpha / rank; twice the rank when absent.
   */
  'alpha'?: (number | string);
  /**
   * Modules with an update, or ends of their names; empty for every linear layer of the encoder.
   */
  'targets'?: (string)[];
  '_alpha'?: "alpha";
}

/**
 * Updates of low rank (LoRA) beside the weights of linear layers.
 */
export interface LowRankTraining__Output {
  'rank': (number);
  /**
   * Updates are multiplied by alpha / rank; twice the rank when absent.
   */
  'alpha'?: (number);
  /**
   * Modules with an update, or ends of their names; empty for every linear layer of the encoder.
   */
  'targets': (string)[];
  '_alpha'?: "alpha";
}
