/**
 * @file RegMean (Jin, Ren, Preotiuc-Pietro, Cheng: "Dataless Knowledge Fusion by Merging Weights of
 *   Language Models", ICLR 2023, https://arxiv.org/abs/2212.09849, section 3): the weight of a
 *   linear layer whose outputs are, in the least squares sense, nearest to those of every agent's
 *   own layer on that agent's own inputs.
 *
 *     W = (sum_i c_i G~_i)^-1 (sum_i c_i G~_i W_i)
 *     G~_i = alpha G_i + (1 - alpha) diag(G_i) + r I,   G_i = X_i^T X_i
 *
 * It is solved for the deviation D from the last agent's weights W_k, which spares that agent's
 * product:
 *
 *     (sum_i c_i G~_i) D = sum_{i != k} c_i G~_i (W_i - W_k),   W = W_k + D
 *
 * Where the sum is singular, inputs or directions that no data ever reached, the solution is the
 * one nearest to the mean sum_i c_i W_i: there the merged layer is the average of the agents'.
 */

import { type GramFile, gramFactor } from '../../shared/contribution/open-grams.ts';
import { addScaled, type Matrix, transpose, zeros } from '../../shared/linalg/matrix.ts';
import { denseLeftSide, normalEquations } from '../../shared/linalg/normal-equations.ts';
import { z } from '../../shared/zod.ts';
import { groupLayers, type LayerGroup, type SolvedLayer } from './layer-groups.ts';
import { meanStep } from './mean-step.ts';
import type { LayerGroupReport, MergeInputs, MergeOutput } from './merge-step.ts';
import { defineMethod } from './method.ts';
import { option } from './option.ts';

export const regmean = defineMethod({
  name: 'regmean',
  title: 'RegMean',
  description:
    'every linear layer is the closed-form solution that comes nearest to the outputs of all agents’ layers on their ' +
    'own inputs; all other parameters are averages',
  paper: {
    citation: 'Jin et al., ICLR 2023',
    title: 'Dataless Knowledge Fusion by Merging Weights of Language Models',
    link: 'https://arxiv.org/abs/2212.09849',
    where: 'equation 2 and section 3.3; appendix C with a ridge',
  },
  options: z.object({
    alpha: option(z.number().min(0).max(1).optional(), {
      help: 'share of the off-diagonal Gram entries that is kept, 0 (the diagonal only) to 1',
      default: '0.9; 1 with a ridge',
      sweep: {
        title: 'Alpha',
        axis: 'alpha, the share of off-diagonal Gram entries that is kept',
        note: 'All agents merged with the off-diagonal entries of every Gram multiplied by alpha (paper, Section 3.3).',
      },
    }),
    ridge: option(z.number().min(0).optional(), {
      help: 'constant added to the diagonal of every Gram, scaled as --gram-scale says',
      label: 'constant added to Gram diagonals',
      default: 'none',
      sweep: {
        title: 'Additive constant',
        axis: 'constant added to the diagonals of the mean Grams, alpha 1',
        note: 'All agents merged with a constant on the diagonals instead (paper, Appendix C).',
      },
    }),
    gramScale: option(z.enum(['mean', 'sum']).default('mean'), {
      help: 'mean: agents count the same; sum: by their rows',
      label: 'Gram scale',
      value: 'scale',
    }),
  }),
  needs: ['grams'],
  settings({ alpha, ridge, gramScale }) {
    return { alpha: alpha ?? (ridge === undefined ? 0.9 : 1), ridge: ridge ?? 0, gramScale };
  },
  steps(inputs, settings) {
    const { groups, averaged } = groupLayers(inputs);
    const solved = new Set(groups.flatMap(({ layers }) => layers.map(({ weight }) => weight)));
    const others = inputs.parameters.filter((parameter) => !solved.has(parameter));
    return [
      ...groups.map((group) => ({
        name: group.name,
        parameters: group.layers.map(({ weight }) => weight),
        bytes: bytesOf(group),
        run: (output: MergeOutput) => mergeGroup(inputs, settings, group, output),
      })),
      ...others.map((parameter) => {
        const layer = averaged.get(parameter);
        const step = meanStep(inputs, parameter);
        return layer === undefined ? step : { ...step, averaged: layer };
      }),
    ];
  },
});

interface RegmeanSettings {
  readonly alpha: number;
  readonly ridge: number;
  readonly gramScale: 'mean' | 'sum';
}

/**
 * Memory of one group. A singular system takes the most: the sum, the sum with jitter and its
 * factor, [d, d] each, and about eight matrices [d, n] while the solution is refined.
 */
function bytesOf(group: LayerGroup): number {
  const { dimension } = group;
  return 8 * dimension * (3 * dimension + 8 * outputsOf(group));
}

function outputsOf({ layers }: LayerGroup): number {
  return layers.reduce((sum, { outputs }) => sum + outputs, 0);
}

/**
 * Merges the layers of one group; memory is that of one contribution's Gram and weights, whatever
 * their number.
 */
async function mergeGroup(
  inputs: MergeInputs,
  settings: RegmeanSettings,
  group: LayerGroup,
  output: MergeOutput,
): Promise<LayerGroupReport> {
  const { contributions, coefficients, gemm } = inputs;
  const { name, dimension, layers, gramNames } = group;
  const outputs = outputsOf(group);
  const last = contributions.length - 1;
  const reference = await stackWeights(inputs, last, group, outputs);
  const deviationOf = async (index: number): Promise<Matrix> => {
    const deviation = await stackWeights(inputs, index, group, outputs);
    addScaled(deviation, -1, reference);
    return deviation;
  };
  const equations = normalEquations(denseLeftSide(gemm, dimension), outputs);
  for (const index of contributions.keys()) {
    const gram = await readScaledGram(inputs, settings, index, group);
    await equations.accumulate(index === last ? { gram } : { gram, deviation: () => deviationOf(index) });
  }
  const meanDeviation = async (): Promise<Matrix> => {
    const mean = zeros(outputs, dimension);
    for (const [index, coefficient] of coefficients.entries()) {
      addScaled(mean, coefficient, await stackWeights(inputs, index, group, outputs));
    }
    addScaled(mean, -1, reference);
    return transpose(mean);
  };
  const { x, ...solution } = await equations.solve(`layer ${name}`, meanDeviation);
  addScaled(reference, 1, transpose(x));
  const rows = gramNames.map((gram, i) => contributions[i]?.grams?.grams.get(gram)?.rows ?? null);
  await writeStack(reference, layers, output);
  return { name, layers: layers.map(({ module }) => module), dimension, outputs, rows, ...solution };
}

/**
 * c G~ = c (alpha G + (1 - alpha) diag(G) + r I): off-diagonal entries times c alpha, diagonal
 * entries times c, plus c r (section 3.3 and appendices A and C of the paper: both penalise the
 * distance to each agent's own weights).
 */
async function readScaledGram(
  { contributions, coefficients }: MergeInputs,
  { alpha, ridge, gramScale }: RegmeanSettings,
  index: number,
  { gramNames, dimension }: LayerGroup,
): Promise<Matrix> {
  const file = contributions[index]?.grams as GramFile;
  const name = gramNames[index] as string;
  const coefficient = coefficients[index] as number;
  const diagonal = coefficient * gramFactor(file, name, gramScale);
  const data = await file.readSquare(name, { diagonal, offDiagonal: alpha * diagonal });
  for (let at = 0; at < data.length; at += dimension + 1)
    data[at] = (data[at] as number) + coefficient * ridge;
  return { rows: dimension, columns: dimension, data };
}

/** Weights of a group's layers on top of one another: [sum of outputs, d], float64. */
async function stackWeights(
  { contributions }: MergeInputs,
  index: number,
  { layers, dimension }: LayerGroup,
  outputs: number,
): Promise<Matrix> {
  const stack = zeros(outputs, dimension);
  let offset = 0;
  for (const { weight: name, inputs, outputs: rows, orientation } of layers) {
    const data = (await contributions[index]?.weights.readFloat64(name)) ?? new Float64Array();
    const weight = orientation === 'out-in' ? data : transpose({ rows: inputs, columns: rows, data }).data;
    stack.data.set(weight, offset);
    offset += weight.length;
  }
  return stack;
}

async function writeStack(stack: Matrix, layers: readonly SolvedLayer[], output: MergeOutput): Promise<void> {
  let offset = 0;
  for (const { weight, inputs, outputs, orientation } of layers) {
    const data = stack.data.subarray(offset, offset + inputs * outputs);
    const stored = orientation === 'out-in' ? data : transpose({ rows: outputs, columns: inputs, data }).data;
    await output.write(weight, stored);
    offset += data.length;
  }
}
