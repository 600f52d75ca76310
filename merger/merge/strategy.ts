import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { Gemm } from '../../shared/linalg/gemm.ts';
import type { ResolvedMergeOptions } from './merge-options.ts';
import type { LayerGroupReport } from './merge-report.ts';

/** What a strategy works on. All contributions have the same parameters and shapes. */
export interface MergeInputs extends Pick<ResolvedMergeOptions, 'alpha' | 'coefficients' | 'gramScale'> {
  readonly contributions: readonly Contribution[];
  /** The parameters to merge, in the order of the first contribution. */
  readonly parameters: readonly string[];
  readonly gemm: Gemm;
}

/** A part of a merge that holds everything it needs in memory by itself: one parameter, or the layers of one Gram. */
export interface MergeStep {
  readonly name: string;
  readonly parameters: readonly string[];
  run(): Promise<MergedStep>;
}

/** Values of a step's parameters, as the model stores them, and what to report. */
export interface MergedStep {
  readonly tensors: ReadonlyMap<string, Float32Array | Float64Array>;
  readonly group?: LayerGroupReport;
}

/** A way to merge: divides the parameters into steps, each parameter in exactly one. */
export type MergeStrategy = (inputs: MergeInputs) => readonly MergeStep[];
