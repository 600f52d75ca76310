import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { Gemm } from '../../shared/linalg/gemm.ts';
import type { LayerIndex } from '../../shared/models/layer-index.ts';
import type { ResolvedMergeOptions } from '../merge/merge-options.ts';
import type { LayerGroupReport } from '../merge/merge-report.ts';

/** What a strategy works on. All contributions have the same parameters and shapes. */
export interface MergeInputs
  extends Pick<
    ResolvedMergeOptions,
    'alpha' | 'ridge' | 'coefficients' | 'gramScale' | 'fisherSmoothing' | 'fisherNormalize' | 'average'
  > {
  readonly contributions: readonly Contribution[];
  /** The parameters to merge, in the order of the first contribution. */
  readonly parameters: readonly string[];
  /** All parameters of the model that are merged, of which `parameters` may be a part. */
  readonly allParameters: readonly string[];
  /** The models' linear layers; null for a family that is not known, and where nobody asks. */
  readonly layers: LayerIndex | null;
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
  /** Merges and writes the step's parameters; returns what to report of a layer group. */
  run(output: MergeOutput): Promise<LayerGroupReport | undefined>;
}

/** A way to merge: divides the parameters into steps, each parameter in exactly one. */
export type MergeStrategy = (inputs: MergeInputs) => readonly MergeStep[];
