/**
 * @file RegMean (Jin, Ren, Preotiuc-Pietro, Cheng: "Dataless Knowledge Fusion by Merging Weights of Language
 * Models", ICLR 2023, https://arxiv.org/abs/2212.09849, section 3): the weight of a linear layer whose outputs are,
 * in the least squares sense, nearest to those of every agent's own layer on that agent's own inputs.
 *
 *     W = (sum_i c_i G~_i)^-1 (sum_i c_i G~_i W_i),   G~_i = alpha G_i + (1 - alpha) diag(G_i),   G_i = X_i^T X_i
 *
 * It is solved for the deviation D from the mean Wbar = sum_i c_i W_i:
 *
 *     (sum_i c_i G~_i) D = sum_i c_i G~_i (W_i - Wbar),   W = Wbar + D
 *
 * which is the same where the sum is regular. Where it is singular, inputs or directions that no data ever reached,
 * the solution of least norm stays at the mean.
 */

import { RegmeanError } from '../../shared/errors.ts';
import { addScaled, type Matrix, transpose, zeros } from '../../shared/linalg/matrix.ts';
import { solveSymmetric } from '../../shared/linalg/solve-symmetric.ts';
import { groupLayers, type LayerGroup, type LinearLayer } from './linear-layers.ts';
import { shrinkOffDiagonal } from './shrink-off-diagonal.ts';
import { meanStep } from './simple.ts';
import type { MergedStep, MergeInputs, MergeStrategy } from './strategy.ts';

/** Linear layers with Grams by RegMean, one step per group that shares a Gram; all other parameters by their mean. */
export const regmean: MergeStrategy = (inputs) => {
  const wanted = new Set(inputs.parameters);
  const groups = groupLayers(inputs.contributions)
    .map((group) => ({ ...group, layers: group.layers.filter(({ parameter }) => wanted.has(parameter)) }))
    .filter(({ layers }) => layers.length > 0);
  const inGroups = new Set(groups.flatMap(({ layers }) => layers.map(({ parameter }) => parameter)));
  const others = inputs.parameters.filter((parameter) => !inGroups.has(parameter));
  if (groups.length === 0) {
    throw new RegmeanError('invalid-input', 'regmean: no Gram belongs to a parameter of the models', {
      hint: 'Grams are named by module, for instance bert.encoder.layer.0.attention.self.query',
    });
  }
  return [
    ...groups.map((group) => ({
      name: group.name,
      parameters: group.layers.map(({ parameter }) => parameter),
      run: () => mergeGroup(inputs, group),
    })),
    ...others.map((parameter) => meanStep(inputs, parameter)),
  ];
};

/** Merges the layers of one group; memory is that of one contribution's Gram and weights, whatever their number. */
async function mergeGroup(inputs: MergeInputs, group: LayerGroup): Promise<MergedStep> {
  const { contributions, coefficients, gemm } = inputs;
  const { dimension, layers } = group;
  const outputs = layers.reduce((sum, layer) => sum + layer.outputs, 0);
  const mean = zeros(outputs, dimension);
  for (const [index, coefficient] of coefficients.entries()) {
    addScaled(mean, coefficient, await stackWeights(inputs, index, group, outputs));
  }
  const left = zeros(dimension, dimension);
  const right = zeros(dimension, outputs);
  const rows: (number | null)[] = [];
  for (const [index, coefficient] of coefficients.entries()) {
    const gramName = group.gramNames[index] as string;
    const gram = await readGram(inputs, index, gramName, dimension);
    shrinkOffDiagonal(gram, inputs.alpha, coefficient);
    const deviation = await stackWeights(inputs, index, group, outputs);
    addScaled(deviation, -1, mean);
    await gemm.accumulate(gram, deviation, right, { transB: true });
    addScaled(left, 1, gram);
    rows.push(contributions[index]?.grams?.grams.get(gramName)?.rows ?? null);
  }
  const { x, ...solution } = await solveSymmetric(gemm, `layer ${group.name}`, left, right);
  addScaled(mean, 1, transpose(x));
  return {
    tensors: splitStack(mean, layers),
    group: {
      name: group.name,
      layers: layers.map(({ module }) => module),
      dimension,
      outputs,
      rows,
      ...solution,
    },
  };
}

async function readGram(
  { contributions, gramScale }: MergeInputs,
  index: number,
  name: string,
  dimension: number,
): Promise<Matrix> {
  const file = contributions[index]?.grams;
  if (file === undefined)
    throw new RegmeanError('invalid-input', `regmean: contribution ${index} has no Grams`);
  return { rows: dimension, columns: dimension, data: await file.readSquare(name, gramScale) };
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
  for (const { parameter, inputs, outputs: rows, orientation } of layers) {
    const data = (await contributions[index]?.weights.readFloat64(parameter)) ?? new Float64Array();
    const weight = orientation === 'out-in' ? data : transpose({ rows: inputs, columns: rows, data }).data;
    stack.data.set(weight, offset);
    offset += weight.length;
  }
  return stack;
}

function splitStack(stack: Matrix, layers: readonly LinearLayer[]): ReadonlyMap<string, Float64Array> {
  const tensors = new Map<string, Float64Array>();
  let offset = 0;
  for (const { parameter, inputs, outputs, orientation } of layers) {
    const data = stack.data.subarray(offset, offset + inputs * outputs);
    const stored = orientation === 'out-in' ? data : transpose({ rows: outputs, columns: inputs, data }).data;
    tensors.set(parameter, stored);
    offset += data.length;
  }
  return tensors;
}
