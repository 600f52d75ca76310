/**
 * @file RegMean with both sides of every layer (Tam, Bansal and Raffel, "Merging by Matching Models
 *   in Task Parameter Subspaces", TMLR 2024, https://arxiv.org/abs/2312.04339): beside the inputs'
 *   covariance G_i an agent counts by that of the gradients of its outputs, H_i. Together they are
 *   its Fisher information in Kronecker factors. Agents send H_i, or the change of their weights
 *   stands for it (`output-covariance.ts`).
 *
 *     sum_i c_i H_i X G~_i = sum_i c_i H_i D_i G~_i,   D_i = W_i - W_0,   W = W_0 + X
 *
 *   A sum of Kronecker products has no closed form for more than two agents. It is solved by
 *   conjugate gradients from the mean of the changes, preconditioned by (sum_i H_i)^-1 on the left
 *   and (sum_i c_i G~_i)^-1 on the right. In every iteration the agents' changes and covariances
 *   are read anew, one after the other: memory is that of one.
 */
import {
  type CholeskyFactor,
  cholesky,
  NotPositiveDefiniteError,
  solveWithFactor,
} from '../../shared/linalg/cholesky.ts';
import { conjugateGradients } from '../../shared/linalg/conjugate-gradients.ts';
import type { Gemm } from '../../shared/linalg/gemm.ts';
import {
  addScaled,
  addToDiagonal,
  type Matrix,
  scaleRows,
  traceOf,
  transpose,
  zeros,
} from '../../shared/linalg/matrix.ts';
import { changesOf } from './changed-layers.ts';
import type { SolvedLayer } from './layer-groups.ts';
import type { LayerGroupReport, MergeInputs, MergeOutput, MergeStep } from './merge-step.ts';
import {
  type OutputCovariance,
  type OutputCovariances,
  type OutputSettings,
  outputCovariances,
} from './output-covariance.ts';
import { type LayerSystem, solveStep } from './solve-system.ts';
import { writeStack } from './stacked-weights.ts';

/** How both sides are solved for. */
export interface BothSidesSettings extends OutputSettings {
  readonly sidesIterations: number;
  readonly sidesTolerance: number;
}

/**
 * Added to the sums that precondition, relative to their mean diagonal entry: the first that makes
 * them positive definite. Statistics that were rounded to float32 may miss that by their rounding.
 */
const preconditionerJitters = [1e-8, 1e-6, 1e-4, 1e-2];

/**
 * Steps for each layer of the systems whose outputs something is known of. Other layers are solved
 * for by their inputs alone.
 */
export function bothSidesSteps(
  inputs: MergeInputs,
  settings: BothSidesSettings,
  systems: readonly LayerSystem[],
): readonly MergeStep[] {
  const covariances = outputCovariances(inputs, settings);
  return systems.flatMap((system) => {
    const both = system.layers.filter((layer) => covariances.has(layer));
    const others = system.layers.filter((layer) => !both.includes(layer));
    const rest = { ...system, name: others[0]?.module ?? system.name, layers: others };
    return [
      ...both.map((layer) => ({
        name: layer.module,
        parameters: [layer.weight],
        bytes: bytesOf(layer),
        run: (output: MergeOutput) =>
          solveBothSides(inputs, settings, { system, layer, covariances }, output),
      })),
      ...(others.length === 0 ? [] : [solveStep(inputs, rest)]),
    ];
  });
}

/** Two sums and their factors, an agent's covariances, and about nine matrices [n, d]. */
function bytesOf({ inputs: d, outputs: n }: SolvedLayer): number {
  return 8 * (3 * n * n + 3 * d * d + 9 * n * d);
}

async function solveBothSides(
  inputs: MergeInputs,
  settings: BothSidesSettings,
  {
    system,
    layer,
    covariances,
  }: {
    readonly system: LayerSystem;
    readonly layer: SolvedLayer;
    readonly covariances: OutputCovariances;
  },
  output: MergeOutput,
): Promise<LayerGroupReport> {
  const { gemm, coefficients } = inputs;
  const [n, d] = [layer.outputs, layer.inputs];
  const changes = await changesOf(inputs, layer);
  const mean = zeros(n, d);
  const right = zeros(n, d);
  const outputSum = zeros(n, n);
  const inputSum = zeros(d, d);
  /** H (X G) */
  const sandwich = async (h: OutputCovariance, x: Matrix, g: Matrix): Promise<Matrix> => {
    const weighted = zeros(n, d);
    await gemm.accumulate(x, g, weighted);
    return h.times(weighted);
  };
  for (const [index, coefficient] of coefficients.entries()) {
    const change = await changes.readChange(index);
    const g = await system.covarianceOf(index, change);
    const h = await covariances.of(layer, index, change);
    addScaled(mean, coefficient, change);
    addScaled(right, 1, await sandwich(h, change, g));
    addScaled(inputSum, 1, g);
    await h.addTo(outputSum);
  }
  const total = coefficients.reduce((sum, value) => sum + value, 0);
  scaleRows(mean, new Float64Array(n).fill(1 / total));
  const deadInputs = countZeros(inputSum);
  const name = `layer ${layer.module}`;
  const [left, beside] = [await factorOf(gemm, name, outputSum), await factorOf(gemm, name, inputSum)];
  const map = {
    /** sum_i H_i X c_i G~_i */
    async apply(x: Matrix) {
      const sum = zeros(n, d);
      for (const index of coefficients.keys()) {
        const change = await changes.readChange(index);
        const g = await system.covarianceOf(index, change);
        const h = await covariances.of(layer, index, change);
        addScaled(sum, 1, await sandwich(h, x, g));
      }
      return sum;
    },
    async precondition(residual: Matrix) {
      await solveWithFactor(gemm, left, residual);
      const transposed = transpose(residual);
      await solveWithFactor(gemm, beside, transposed);
      return transpose(transposed);
    },
  };
  const { x, iterations, relativeResidual } = await conjugateGradients(map, right, mean, {
    iterations: settings.sidesIterations,
    tolerance: settings.sidesTolerance,
  });
  addScaled(x, 1, changes.origin);
  await writeStack(x, [layer], output);
  return {
    ...{ name: layer.module, layers: [layer.module], dimension: d, outputs: n, rows: system.rows },
    ...{ deadInputs, jitter: 0, relativeResidual, refinements: iterations },
    smallestPivot: Math.min(left.smallestPivot, beside.smallestPivot),
  };
}

/** Factors a sum, moved off singularity: it need only be near. */
async function factorOf(gemm: Gemm, name: string, sum: Matrix): Promise<CholeskyFactor> {
  const trace = traceOf(sum);
  if (trace === 0) addToDiagonal(sum, 1);
  for (const [attempt, jitter] of preconditionerJitters.entries()) {
    addToDiagonal(sum, (jitter * trace) / sum.rows);
    try {
      return await cholesky(gemm, name, sum);
    } catch (error) {
      const isLast = attempt === preconditionerJitters.length - 1;
      if (isLast || !(error instanceof NotPositiveDefiniteError)) throw error;
    }
  }
  throw new TypeError('factorOf: there must be a jitter');
}

function countZeros({ data, columns }: Matrix): number {
  let count = 0;
  for (let at = 0; at < data.length; at += columns + 1) if (data[at] === 0) count++;
  return count;
}
