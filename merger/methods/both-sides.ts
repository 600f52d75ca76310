/**
 * @file RegMean with both sides of every layer (Tam, Bansal and Raffel, "Merging by Matching Models
 *   in Task Parameter Subspaces", TMLR 2024, https://arxiv.org/abs/2312.04339): beside the inputs'
 *   covariance G_i an agent counts by that of the gradients of its outputs, H_i, for which the
 *   change of its weights stands.
 *
 *     sum_i c_i H_i X G~_i = sum_i c_i H_i D_i G~_i,   D_i = W_i - W_0,
 *     H_i = D_i D_i^T + eps tr(D_i D_i^T) / n I,   W = W_0 + X
 *
 *   A sum of Kronecker products has no closed form for more than two agents. It is solved by
 *   conjugate gradients from the mean of the changes, preconditioned by (sum_i H_i)^-1 on the left
 *   and (sum_i c_i G~_i)^-1 on the right. In every iteration the agents' changes and covariances
 *   are read anew, one after the other: memory is that of one.
 */
import { type CholeskyFactor, cholesky, solveWithFactor } from '../../shared/linalg/cholesky.ts';
import { conjugateGradients } from '../../shared/linalg/conjugate-gradients.ts';
import type { Gemm } from '../../shared/linalg/gemm.ts';
import {
  addScaled,
  frobeniusNorm,
  type Matrix,
  scaleRows,
  transpose,
  zeros,
} from '../../shared/linalg/matrix.ts';
import { baseOf } from './base-values.ts';
import { changesOf, type LayerChanges } from './changed-layers.ts';
import type { SolvedLayer } from './layer-groups.ts';
import type { LayerGroupReport, MergeInputs, MergeOutput, MergeStep } from './merge-step.ts';
import { type LayerSystem, solveStep } from './solve-system.ts';
import { writeStack } from './stacked-weights.ts';

/** How both sides are solved for. */
export interface BothSidesSettings {
  /** Share of the mean diagonal entry that is added to the diagonal of H_i. */
  readonly outputsEps: number;
  readonly sidesIterations: number;
  readonly sidesTolerance: number;
  /** `trace`: H_i is divided by its trace, as G_i is. */
  readonly covarianceNormalize?: 'none' | 'trace';
}

/** Added to the sums that precondition, relative to their mean diagonal entry. */
const preconditionerJitter = 1e-8;

/**
 * A step for each layer of a system, which is solved for with its own outputs. Layers that the base
 * lacks are solved for by their inputs alone.
 */
export function bothSidesSteps(
  inputs: MergeInputs,
  settings: BothSidesSettings,
  system: LayerSystem,
): readonly MergeStep[] {
  const isHeld = ({ weight }: SolvedLayer): boolean => baseOf(inputs, weight) !== undefined;
  const others = system.layers.filter((layer) => !isHeld(layer));
  const rest = { ...system, name: others[0]?.module ?? system.name, layers: others };
  return [
    ...system.layers.filter(isHeld).map((layer) => ({
      name: layer.module,
      parameters: [layer.weight],
      bytes: bytesOf(layer),
      run: (output: MergeOutput) => solveBothSides(inputs, settings, { system, layer }, output),
    })),
    ...(others.length === 0 ? [] : [solveStep(inputs, rest)]),
  ];
}

/** Two sums and their factors, an agent's covariance, and about nine matrices [n, d]. */
function bytesOf({ inputs: d, outputs: n }: SolvedLayer): number {
  return 8 * (2 * n * n + 3 * d * d + 9 * n * d);
}

async function solveBothSides(
  inputs: MergeInputs,
  settings: BothSidesSettings,
  { system, layer }: { readonly system: LayerSystem; readonly layer: SolvedLayer },
  output: MergeOutput,
): Promise<LayerGroupReport> {
  const { gemm, coefficients } = inputs;
  const [n, d] = [layer.outputs, layer.inputs];
  const changes = await changesOf(inputs, layer);
  const mean = zeros(n, d);
  const right = zeros(n, d);
  const outputSum = zeros(n, n);
  const inputSum = zeros(d, d);
  for (const [index, coefficient] of coefficients.entries()) {
    const change = await changes.readChange(index);
    const covariance = await system.covarianceOf(index, change);
    addScaled(mean, coefficient, change);
    addScaled(right, 1, await sandwich(gemm, settings, change, covariance, change));
    addScaled(inputSum, 1, covariance);
    await addOutputs(gemm, settings, change, outputSum);
  }
  const total = coefficients.reduce((sum, value) => sum + value, 0);
  scaleRows(mean, new Float64Array(n).fill(1 / total));
  const deadInputs = countZeros(inputSum);
  const name = `layer ${layer.module}`;
  const [left, beside] = [await factorOf(gemm, name, outputSum), await factorOf(gemm, name, inputSum)];
  const map = {
    apply: (x: Matrix) => sumOfSandwiches(gemm, settings, changes, system, x),
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

/** sum_i H_i X c_i G~_i */
async function sumOfSandwiches(
  gemm: Gemm,
  settings: BothSidesSettings,
  { weights, readChange }: LayerChanges,
  system: LayerSystem,
  x: Matrix,
): Promise<Matrix> {
  const sum = zeros(x.rows, x.columns);
  for (const index of weights.keys()) {
    const change = await readChange(index);
    addScaled(sum, 1, await sandwich(gemm, settings, change, await system.covarianceOf(index, change), x));
  }
  return sum;
}

/** H X G: H is applied by the change that it is made of, which has fewer columns or as many. */
async function sandwich(
  gemm: Gemm,
  settings: BothSidesSettings,
  change: Matrix,
  covariance: Matrix,
  x: Matrix,
): Promise<Matrix> {
  const weighted = zeros(x.rows, x.columns);
  await gemm.accumulate(x, covariance, weighted);
  const inner = zeros(change.columns, x.columns);
  await gemm.accumulate(change, weighted, inner, { transA: true });
  const result = zeros(x.rows, x.columns);
  await gemm.accumulate(change, inner, result);
  const { added, factor } = scaleOf(settings, change);
  addScaled(result, added, weighted);
  scaleRows(result, new Float64Array(result.rows).fill(factor));
  return result;
}

/** sum <- sum + H */
async function addOutputs(
  gemm: Gemm,
  settings: BothSidesSettings,
  change: Matrix,
  sum: Matrix,
): Promise<void> {
  const own = zeros(change.rows, change.rows);
  await gemm.accumulate(change, change, own, { transB: true });
  const { added, factor } = scaleOf(settings, change);
  for (let at = 0; at < own.data.length; at += own.columns + 1)
    own.data[at] = (own.data[at] as number) + added;
  addScaled(sum, factor, own);
}

/** H = factor (D D^T + added I) */
function scaleOf(
  { outputsEps, covarianceNormalize = 'none' }: BothSidesSettings,
  change: Matrix,
): { readonly added: number; readonly factor: number } {
  const trace = frobeniusNorm(change) ** 2;
  const factor = covarianceNormalize === 'none' || trace === 0 ? 1 : 1 / trace;
  return { added: (outputsEps * trace) / change.rows, factor };
}

/** Factors a sum, moved off singularity: it need only be near. */
async function factorOf(gemm: Gemm, name: string, sum: Matrix): Promise<CholeskyFactor> {
  let trace = 0;
  for (let at = 0; at < sum.data.length; at += sum.columns + 1) trace += sum.data[at] as number;
  const added = trace === 0 ? 1 : (preconditionerJitter * trace) / sum.rows;
  for (let at = 0; at < sum.data.length; at += sum.columns + 1)
    sum.data[at] = (sum.data[at] as number) + added;
  return cholesky(gemm, name, sum);
}

function countZeros({ data, columns }: Matrix): number {
  let count = 0;
  for (let at = 0; at < data.length; at += columns + 1) if (data[at] === 0) count++;
  return count;
}
