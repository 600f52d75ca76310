// Original file: proto/regmean/v1/round.proto

import type { FisherWanted as _regmean_v1_FisherWanted, FisherWanted__Output as _regmean_v1_FisherWanted__Output } from '../../regmean/v1/FisherWanted.ts';
import type { OutputGramsWanted as _regmean_v1_OutputGramsWanted, OutputGramsWanted__Output as _regmean_v1_OutputGramsWanted__Output } from '../../regmean/v1/OutputGramsWanted.ts';
import type { GramForm as _regmean_v1_GramForm, GramForm__Output as _regmean_v1_GramForm__Output } from '../../regmean/v1/GramForm.ts';

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
  /**
   * Whether `output-grams.safetensors` is wanted, and how.
   */
  'outputGrams'?: (_regmean_v1_OutputGramsWanted | null);
  /**
   * The form of the Grams; absent in rounds of older mergers, which want dense ones.
   */
  'gramForm'?: (_regmean_v1_GramForm | null);
  '_batches'?: "batches";
  '_fisher'?: "fisher";
  '_outputGrams'?: "outputGrams";
  '_gramForm'?: "gramForm";
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
  /**
   * Whether `output-grams.safetensors` is wanted, and how.
   */
  'outputGrams'?: (_regmean_v1_OutputGramsWanted__Output | null);
  /**
   * The form of the Grams; absent in rounds of older mergers, which want dense ones.
   */
  'gramForm'?: (_regmean_v1_GramForm__Output | null);
  '_batches'?: "batches";
  '_fisher'?: "fisher";
  '_outputGrams'?: "outputGrams";
  '_gramForm'?: "gramForm";
}
