/** @file The steps of a merge, and what a method makes them from. */
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { Gemm } from '../../shared/linalg/gemm.ts';
import type { LayerIndex } from '../../shared/models/layer-index.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';

/** What a method works on. All contributions have the same parameters and shapes. */
export interface MergeInputs {
  readonly contributions: readonly Contribution[];
  /** One per contribution. They sum to 1, unless they are taken as given. */
  readonly coefficients: readonly number[];
  /** The parameters to merge, in the order of the first contribution. */
  readonly parameters: readonly string[];
  /** All parameters of the model that are merged, of which `parameters` may be a part. */
  readonly allParameters: readonly string[];
  /** The models' linear layers; null for a family that is not known, and where nobody asks. */
  readonly layers: LayerIndex | null;
  /** Whether a parameter is averaged whatever the method. */
  isAveraged(parameter: string): boolean;
  /** The base model; there when the method needs it. */
  readonly base: TensorReader | undefined;
  readonly gemm: Gemm;
}

/** Takes the merged values of parameters. */
export interface MergeOutput {
  /**
   * Values of a parameter as the model stores them, all of them or a part that begins at value
   * `start` (default 0).
   */
  write(parameter: string, data: Float32Array | Float64Array, start?: number): Promise<void>;
}

/**
 * A part of a merge that holds everything it needs in memory by itself: one parameter, or the
 * layers of one Gram.
 */
export interface MergeStep {
  readonly name: string;
  readonly parameters: readonly string[];
  /** About how many bytes of memory it takes at most, however many contributions there are. */
  readonly bytes: number;
  /**
   * What its results depend on beside the contributions, the base and the coefficients: steps with
   * equal keys write the same. Where a step has none, it is of its method with all its options.
   */
  readonly key?: string;
  /**
   * There where the values are neither solved for nor averaged: changes from the base are combined.
   */
  readonly isCombined?: true;
  /** There where parameters are solved for in closed form, without a group to report. */
  readonly isSolved?: true;
  /** The linear layer whose weight is averaged here, and why; absent elsewhere. */
  readonly averaged?: AveragedLayer;
  /** Merges and writes the step's parameters; returns what to report of a layer group. */
  run(output: MergeOutput): Promise<LayerGroupReport | undefined>;
}

/** Divides `inputs.parameters` into steps, each parameter in exactly one. */
export type MergeStrategy = (inputs: MergeInputs) => readonly MergeStep[];

/** A linear layer that is averaged by a method that solves for others. */
export interface AveragedLayer {
  /** Its module, or its weight where no module is known. */
  readonly layer: string;
  readonly reason: string;
}

/** How the layers that share a Gram were solved. */
export interface LayerGroupReport {
  /** The first module. */
  readonly name: string;
  readonly layers: readonly string[];
  /** Input features d. */
  readonly dimension: number;
  /** Outputs of all layers together. */
  readonly outputs: number;
  /** Rows of each contribution's Gram, null where they are not known. */
  readonly rows: readonly (number | null)[];
  /** Inputs that are zero in all data: their weights are the mean. */
  readonly deadInputs: number;
  /**
   * 0 when the summed Gram was regular; else what was added to its diagonal, relative to the
   * largest entry.
   */
  readonly jitter: number;
  /** ||A D - R|| / ||R|| of the normal equations without jitter. */
  readonly relativeResidual: number;
  /** Smallest pivot of the factor at unit diagonal, about the reciprocal of the condition. */
  readonly smallestPivot: number;
  /** Steps of iterative refinement. */
  readonly refinements: number;
}
