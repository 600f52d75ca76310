/** @file The systems of linear layers whose inputs Grams tell of. */

import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { type GramFile, gramFactor } from '../../shared/contribution/open-grams.ts';
import { diagonalBeside } from '../../shared/linalg/factored-gram.ts';
import { factoredLeftSide, type LowRankGram } from '../../shared/linalg/factored-left-side.ts';
import { addToDiagonal, type Matrix } from '../../shared/linalg/matrix.ts';
import { denseLeftSide, normalEquations } from '../../shared/linalg/normal-equations.ts';
import { groupLayers, type LayerGroup } from './layer-groups.ts';
import type { MergeInputs } from './merge-step.ts';
import type { LayerSystems, SystemSums } from './solve-system.ts';
import { outputsOf } from './stacked-weights.ts';

/** How Grams are scaled and shrunk. */
export interface GramSettings {
  readonly alpha: number;
  readonly ridge: number;
  readonly gramScale: 'mean' | 'sum';
}

/** One system for each Gram group, measured from the last contribution's weights. */
export function gramSystems(inputs: MergeInputs, settings: GramSettings): LayerSystems {
  const { contributions } = inputs;
  const { groups, averaged } = groupLayers(inputs);
  let memory = new Float64Array();
  const squareOf = (dimension: number): Float64Array => {
    if (memory.length < dimension ** 2) memory = new Float64Array(dimension ** 2);
    return memory.subarray(0, dimension ** 2);
  };
  return {
    averaged,
    systems: groups.map((group) => ({
      ...group,
      ...(isFactored(inputs, group) ? { sumBytes: bytesOfFactors(inputs, group) } : {}),
      from: (contributions.at(-1) as Contribution).weights,
      rows: group.gramNames.map((gram, index) => contributions[index]?.grams?.grams.get(gram)?.rows ?? null),
      sums() {
        if (isFactored(inputs, group)) return factoredSums(inputs, settings, group);
        const left = denseLeftSide(inputs.gemm, group.dimension);
        const { accumulate, solve } = normalEquations(left, outputsOf(group));
        return {
          add: async (index, deviation) =>
            accumulate({
              gram: await readScaledGram(inputs, settings, index, group, squareOf(group.dimension)),
              // The solution is measured from the last contribution.
              deviation: index === contributions.length - 1 ? undefined : deviation,
            }),
          solve,
        };
      },
      covarianceOf: (index) => readScaledGram(inputs, settings, index, group),
    })),
  };
}

/** Whether all contributions have a Gram of low rank: one that is dense makes the sum dense. */
function isFactored({ contributions }: MergeInputs, { gramNames }: LayerGroup): boolean {
  return gramNames.every(
    (name, index) => contributions[index]?.grams?.grams.get(name)?.storage === 'factored',
  );
}

/** The stacked factors as they are, scaled, and weighted. */
function bytesOfFactors({ contributions }: MergeInputs, { gramNames, dimension }: LayerGroup): number {
  const rows = gramNames.reduce(
    (sum, name, index) => sum + (contributions[index]?.grams?.grams.get(name)?.rank ?? 0),
    0,
  );
  return 8 * (3 * rows * dimension + rows * rows);
}

/** Sums of Grams of low rank, which nothing of size d x d is made for. */
function factoredSums(inputs: MergeInputs, settings: GramSettings, group: LayerGroup): SystemSums {
  const last = inputs.contributions.length - 1;
  const { accumulate, solve } = normalEquations(
    factoredLeftSide(inputs.gemm, group.dimension),
    outputsOf(group),
  );
  return {
    add: async (index, deviation) =>
      accumulate({
        gram: await readLowRankGram(inputs, settings, index, group),
        deviation: index === last ? undefined : deviation,
      }),
    solve,
  };
}

/** c G~ as below, of a Gram that is a factor and its diagonal: alpha is on the factor's share. */
async function readLowRankGram(
  { contributions, coefficients }: MergeInputs,
  { alpha, ridge, gramScale }: GramSettings,
  index: number,
  { gramNames }: LayerGroup,
): Promise<LowRankGram> {
  const file = contributions[index]?.grams as GramFile;
  const name = gramNames[index] as string;
  const coefficient = coefficients[index] as number;
  const scale = coefficient * gramFactor(file, name, gramScale);
  const gram = await file.readFactored(name);
  const { rows, columns, data } = gram.factor;
  const root = Math.sqrt(alpha * scale);
  return {
    factor: { rows, columns, data: data.map((value) => value * root) },
    rest: diagonalBeside(gram, alpha).map((value) => scale * value + coefficient * ridge),
  };
}

/**
 * c G~ = c (alpha G + (1 - alpha) diag(G) + r I): off-diagonal entries times c alpha, diagonal
 * entries times c, plus c r (section 3.3 and appendices A and C of the paper: both penalise the
 * distance to each agent's own weights).
 *
 * @param into d^2 values that it is put into; new ones when absent
 * @returns [d, d]
 */
async function readScaledGram(
  { contributions, coefficients }: MergeInputs,
  { alpha, ridge, gramScale }: GramSettings,
  index: number,
  { gramNames, dimension }: LayerGroup,
  into?: Float64Array,
): Promise<Matrix> {
  const file = contributions[index]?.grams as GramFile;
  const name = gramNames[index] as string;
  const coefficient = coefficients[index] as number;
  const diagonal = coefficient * gramFactor(file, name, gramScale);
  const data = await file.readSquare(name, { diagonal, offDiagonal: alpha * diagonal }, into);
  const gram = { rows: dimension, columns: dimension, data };
  addToDiagonal(gram, coefficient * ridge);
  return gram;
}
