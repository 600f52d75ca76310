/** @file One system of RegMean: read, summed, solved and written. */

import { addScaled, type Matrix, transpose, zeros } from '../../shared/linalg/matrix.ts';
import type { NormalEquations } from '../../shared/linalg/normal-equations.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import type { AveragedLayer, LayerGroupReport, MergeInputs, MergeOutput, MergeStep } from './merge-step.ts';
import { type LayerStack, outputsOf, readStack, writeStack } from './stacked-weights.ts';

/** Layers that are solved for together, and what they are solved by. */
export interface LayerSystem extends LayerStack {
  /** The first module. */
  readonly name: string;
  /** The weights that solutions are measured from: a contribution's, or the base's. */
  readonly from: TensorReader;
  /** Rows of each contribution's Gram, null where they are not known. */
  readonly rows: readonly (number | null)[];
  /** About how much memory the sums take, where they are no dense matrices. */
  readonly sumBytes?: number;
  /** Both sides of the normal equations, with no contribution yet. */
  sums(): SystemSums;
  /**
   * What is known of a contribution's inputs, times its coefficient: [d, d].
   *
   * @param deviation the contribution's weights less the reference, [n, d]
   */
  covarianceOf(index: number, deviation: Matrix): Promise<Matrix>;
}

/** The sums of a system over contributions, to be solved once. */
export interface SystemSums {
  /**
   * Adds a contribution.
   *
   * @param deviation its weights less the reference, [n, d]; not kept
   */
  add(index: number, deviation: Matrix): Promise<void>;
  /** See `NormalEquations.solve`. */
  solve: NormalEquations<unknown>['solve'];
}

/** What becomes of the linear layers. */
export interface LayerSystems {
  readonly systems: readonly LayerSystem[];
  /** Those that are not solved for, by the name of their weight. */
  readonly averaged: ReadonlyMap<string, AveragedLayer>;
}

/**
 * Memory of one system: its sums, and about eight matrices [d, n] while the solution is refined.
 * Dense sums take the most where they are singular: the sum, the sum with jitter and its factor,
 * [d, d] each.
 */
function bytesOfSystem(system: LayerSystem): number {
  const { dimension, sumBytes = 8 * 3 * dimension * dimension } = system;
  return sumBytes + 8 * 8 * dimension * outputsOf(system);
}

/** The step that solves one system. */
export function solveStep(inputs: MergeInputs, system: LayerSystem): MergeStep {
  return {
    name: system.name,
    parameters: system.layers.map(({ weight }) => weight),
    bytes: bytesOfSystem(system),
    run: (output) => solveSystem(inputs, system, output),
  };
}

/**
 * Merges the layers of one system; memory is that of one contribution's Gram and weights, whatever
 * their number. Where the sum is singular the solution is the one nearest to the mean.
 */
async function solveSystem(
  { contributions, coefficients }: MergeInputs,
  system: LayerSystem,
  output: MergeOutput,
): Promise<LayerGroupReport> {
  const { name, dimension, layers, rows, from } = system;
  const outputs = outputsOf(system);
  const reference = await readStack(from, system);
  const sums = system.sums();
  const deviation = zeros(outputs, dimension);
  for (const [index, { weights }] of contributions.entries()) {
    await readStack(weights, system, deviation);
    addScaled(deviation, -1, reference);
    await sums.add(index, deviation);
  }
  const meanDeviation = async (): Promise<Matrix> => {
    const mean = zeros(outputs, dimension);
    for (const [index, { weights }] of contributions.entries()) {
      addScaled(mean, coefficients[index] as number, await readStack(weights, system));
    }
    addScaled(mean, -1, reference);
    return transpose(mean);
  };
  const { x, ...solution } = await sums.solve(`layer ${name}`, meanDeviation);
  addScaled(reference, 1, transpose(x));
  await writeStack(reference, layers, output);
  return { name, layers: layers.map(({ module }) => module), dimension, outputs, rows, ...solution };
}
