// Original file: proto/regmean/v1/round.proto


/**
 * The statistics that a contribution must hold beside the weights.
 */
export interface StatisticsWanted {
  /**
   * Whether `grams.safetensors` is wanted.
   */
  'grams'?: (boolean);
  /**
   * How many batches of training data to collect over; absent means all.
   */
  'batches'?: (number);
  '_batches'?: "batches";
}

/**
 * The statistics that a contribution must hold beside the weights.
 */
export interface StatisticsWanted__Output {
  /**
   * Whether `grams.safetensors` is wanted.
   */
  'grams': (boolean);
  /**
   * How many batches of training data to collect over; absent means all.
   */
  'batches'?: (number);
  '_batches'?: "batches";
}
