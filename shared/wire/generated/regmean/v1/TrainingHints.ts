// Original file: proto/regmean/v1/round.proto

import type { LowRankTraining as _regmean_v1_LowRankTraining, LowRankTraining__Output as _regmean_v1_LowRankTraining__Output } from '../../regmean/v1/LowRankTraining.ts';

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
  /**
   * Agents train updates of low rank and the head alone, and contribute an adapter; absent where
   * they fine-tune the whole model.
   */
  'lora'?: (_regmean_v1_LowRankTraining | null);
  '_epochs'?: "epochs";
  '_batchSize'?: "batchSize";
  '_learningRate'?: "learningRate";
  '_warmupRatio'?: "warmupRatio";
  '_weightDecay'?: "weightDecay";
  '_maxLength'?: "maxLength";
  '_seed'?: "seed";
  '_lora'?: "lora";
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
  /**
   * Agents train updates of low rank and the head alone, and contribute an adapter; absent where
   * they fine-tune the whole model.
   */
  'lora'?: (_regmean_v1_LowRankTraining__Output | null);
  '_epochs'?: "epochs";
  '_batchSize'?: "batchSize";
  '_learningRate'?: "learningRate";
  '_warmupRatio'?: "warmupRatio";
  '_weightDecay'?: "weightDecay";
  '_maxLength'?: "maxLength";
  '_seed'?: "seed";
  '_lora'?: "lora";
}
