// Original file: proto/regmean/v1/round.proto


/**
 * What the agents should train with. An absent field leaves the choice to the agent.
 */
export interface TrainingHints {
  'epochs'?: (number);
  'batchSize'?: (number);
  'learningRate'?: (number | string);
  'warmupRatio'?: (number | string);
  'weightDecay'?: (number | string);
  /**
   * Longest sequence, in tokens.
   */
  'maxLength'?: (number);
  'seed'?: (number);
  /**
   * Regular expressions of parameter names that are not trained.
   */
  'freeze'?: (string)[];
  '_epochs'?: "epochs";
  '_batchSize'?: "batchSize";
  '_learningRate'?: "learningRate";
  '_warmupRatio'?: "warmupRatio";
  '_weightDecay'?: "weightDecay";
  '_maxLength'?: "maxLength";
  '_seed'?: "seed";
}

/**
 * What the agents should train with. An absent field leaves the choice to the agent.
 */
export interface TrainingHints__Output {
  'epochs'?: (number);
  'batchSize'?: (number);
  'learningRate'?: (number);
  'warmupRatio'?: (number);
  'weightDecay'?: (number);
  /**
   * Longest sequence, in tokens.
   */
  'maxLength'?: (number);
  'seed'?: (number);
  /**
   * Regular expressions of parameter names that are not trained.
   */
  'freeze': (string)[];
  '_epochs'?: "epochs";
  '_batchSize'?: "batchSize";
  '_learningRate'?: "learningRate";
  '_warmupRatio'?: "warmupRatio";
  '_weightDecay'?: "weightDecay";
  '_maxLength'?: "maxLength";
  '_seed'?: "seed";
}
