/**
 * @file WUDI-Merging: what the merged change of a layer does to an agent's inputs, which lie where
 *   the rows of the agent's own change lie, is to be what that agent's change does:
 *
 *     min_X  sum_i w_i / ||D_i||^2  ||(X - D_i) D_i^T||^2,   W = W_0 + X
 *
 *   X begins at sum_i w_i D_i and goes down by Adam, which stops early: how far it comes from the
 *   sum is part of the method. The minimum itself is RegMean's solution with covariances from
 *   weights, `--covariance weights --covariance-normalize trace --covariance-eps 0`.
 *
 *   The gradient is 2 (X A - B) with A = sum_i w_i D_i^T D_i / ||D_i||^2 and B = sum_i w_i D_i
 *   D_i^T D_i / ||D_i||^2, so that memory and time of a step do not grow with the number of agents.
 */
import type { Gemm } from '../../shared/linalg/gemm.ts';
import {
  addScaled,
  copyOf,
  frobeniusNorm,
  type Matrix,
  scaleRows,
  zeros,
} from '../../shared/linalg/matrix.ts';
import { z } from '../../shared/zod.ts';
import { type LayerChanges, layerChangeSteps, needsOfChanges } from './changed-layers.ts';
import { defineMethod } from './method.ts';
import { option } from './option.ts';
import { vectorsOption } from './other-parameters.ts';

/** Adam's own numbers, which the paper leaves at PyTorch's defaults. */
const adam = { meanDecay: 0.9, squareDecay: 0.999, epsilon: 1e-8 } as const;

export const wudi = defineMethod({
  name: 'wudi',
  title: 'WUDI-Merging',
  description:
    'the sum of the agents’ changes of every linear layer is moved, step by step, to where it disturbs none of ' +
    'them; all other parameters are averages',
  paper: {
    citation: 'Cheng et al., ICML 2025',
    title: 'Whoever Started the Interference Should End It: Guiding Data-Free Model Merging via Task Vectors',
    link: 'https://arxiv.org/abs/2503.08099',
    where: 'section 4, by Adam as published',
  },
  options: z.object({
    wudiSteps: option(z.int().min(0).default(300), {
      help: 'steps of Adam from the sum of the changes',
      label: 'steps of Adam',
      sweep: {
        title: 'Steps of WUDI-Merging',
        axis: 'steps of Adam from the sum of the changes',
        note: 'All agents merged by WUDI-Merging, with more or fewer steps from the sum of the changes.',
      },
    }),
    wudiRate: option(z.number().gt(0).default(1e-5), {
      help: 'learning rate of Adam: about how far an entry goes in a step',
      label: 'learning rate of Adam',
    }),
    vectors: vectorsOption,
  }),
  settings: (options) => options,
  needs: (settings) => needsOfChanges(settings),
  steps: (inputs, settings) =>
    layerChangeSteps(inputs, settings, {
      values: ({ inputs: d, outputs: n }) => 8 * n * d + 2 * d * d,
      merge: (changes) => mergeLayer(inputs.gemm, changes, settings),
    }),
});

interface WudiSettings {
  readonly wudiSteps: number;
  readonly wudiRate: number;
}

async function mergeLayer(
  gemm: Gemm,
  changes: LayerChanges,
  { wudiSteps, wudiRate }: WudiSettings,
): Promise<Matrix> {
  const { x, a, b } = await problemOf(gemm, changes);
  const gradient = zeros(x.rows, x.columns);
  const mean = new Float64Array(x.data.length);
  const square = new Float64Array(x.data.length);
  for (let step = 1; step <= wudiSteps; step++) {
    gradient.data.fill(0);
    addScaled(gradient, -1, b);
    await gemm.accumulate(x, a, gradient);
    const rate = wudiRate / (1 - adam.meanDecay ** step);
    const root = Math.sqrt(1 - adam.squareDecay ** step);
    for (let i = 0; i < mean.length; i++) {
      const own = 2 * (gradient.data[i] as number);
      const first = adam.meanDecay * (mean[i] as number) + (1 - adam.meanDecay) * own;
      const second = adam.squareDecay * (square[i] as number) + (1 - adam.squareDecay) * own * own;
      mean[i] = first;
      square[i] = second;
      x.data[i] = (x.data[i] as number) - (rate * first) / (Math.sqrt(second) / root + adam.epsilon);
    }
  }
  return x;
}

/** Where X begins, and A and B of its gradient; an agent that changed nothing says nothing. */
async function problemOf(
  gemm: Gemm,
  { layer: { inputs: d, outputs: n }, weights, readChange }: LayerChanges,
): Promise<{ readonly x: Matrix; readonly a: Matrix; readonly b: Matrix }> {
  const [x, a, b] = [zeros(n, d), zeros(d, d), zeros(n, d)];
  const covariance = zeros(d, d);
  for (const [index, weight] of weights.entries()) {
    const change = await readChange(index);
    const norm = frobeniusNorm(change);
    if (norm === 0) continue;
    addScaled(x, weight, change);
    const scaled = copyOf(change);
    scaleRows(scaled, new Float64Array(n).fill(Math.sqrt(weight) / norm));
    covariance.data.fill(0);
    await gemm.accumulate(scaled, scaled, covariance, { transA: true });
    addScaled(a, 1, covariance);
    await gemm.accumulate(change, covariance, b);
  }
  return { x, a, b };
}
