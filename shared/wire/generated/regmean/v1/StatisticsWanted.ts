// Original file: proto/regmean/v1/round.proto

import type { FisherWanted as _regmean_v1_FisherWanted, FisherWanted__Output as _regmean_v1_FisherWanted__Output } from '../../regmean/v1/FisherWanted.ts';

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
  /**
   * Whether `fisher.safetensors` is wanted, and how.
   */
  'fisher'?: (_regmean_v1_FisherWanted | null);
  /**
   * Whether `norms.safetensors` is wanted.
   */
  'norms'?: (boolean);
  '_batches'?: "batches";
  '_fisher'?: "fisher";
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
  /**
   * Whether `fisher.safetensors` is wanted, and how.
   */
  'fisher'?: (_regmean_v1_FisherWanted__Output | null);
  /**
   * Whether `norms.safetensors` is wanted.
   */
  'norms': (boolean);
  '_batches'?: "batches";
  '_fisher'?: "fisher";
}
