/**
 * @file Iso-CTS: as Iso-C, but only the first singular vectors of the sum are kept, the common
 *   subspace; the last ones give way to the first singular vectors of what each agent's change has
 *   outside of it. All of them are made orthogonal together, on either side, and get the mean of
 *   their singular values.
 *
 *     sum_i w_i D_i = U S V^T,   w_i D_i - U_c U_c^T w_i D_i = U_i S_i V_i^T,
 *     W = W_0 + mean([S_c S_1 ..]) P(U_c U_1 ..) P(V_c V_1 ..)^T
 *
 *   with P(X) the matrix with orthonormal columns that is nearest to X. How many vectors are common
 *   is rounded as in the authors' code, so that agents have equally many. The paper's factor on the
 *   result is `--scale`.
 */
import type { Gemm } from '../../shared/linalg/gemm.ts';
import { type Matrix, scaleRows, zeros } from '../../shared/linalg/matrix.ts';
import { polarFactor, type SingularVectors } from '../../shared/linalg/singular-vectors.ts';
import { z } from '../../shared/zod.ts';
import { type LayerChanges, layerChangeSteps, needsOfChanges, sumOfChanges } from './changed-layers.ts';
import { changeSpectrum, spectrumSize } from './layer-spectrum.ts';
import { defineMethod } from './method.ts';
import { option } from './option.ts';
import { vectorsOption } from './other-parameters.ts';
import { emptySubspaces, type Subspaces, takeSubspace, vectorsTaken } from './subspaces.ts';

export const isoCts = defineMethod({
  name: 'iso-cts',
  title: 'Iso-CTS',
  description:
    'the sum of the agents’ changes of every linear layer gives up its smallest singular vectors for those of each ' +
    'agent’s own, all singular values become their mean; all other parameters are averages',
  paper: {
    citation: 'Marczak et al., ICML 2025',
    title: 'No Task Left Behind: Isotropic Model Merging with Common and Task-Specific Subspaces',
    link: 'https://arxiv.org/abs/2502.04959',
    where: 'section 4.2',
  },
  options: z.object({
    commonShare: option(z.number().min(0).max(1).default(0.8), {
      help: 'share of the singular vectors that are those of the sum, the rest are the agents’ own',
      sweep: {
        title: 'Common subspace',
        axis: 'share of the singular vectors that are those of the sum of the changes',
        note: 'All agents merged, with a share of the singular vectors common and the rest their own.',
      },
    }),
    vectors: vectorsOption,
  }),
  settings: (options) => options,
  needs: (settings) => needsOfChanges(settings),
  steps: (inputs, settings) =>
    layerChangeSteps(inputs, settings, {
      values: ({ inputs: d, outputs: n }) => 8 * n * d + 9 * Math.min(n, d) ** 2,
      merge: (changes) => mergeLayer(inputs.gemm, changes, settings.commonShare),
    }),
});

async function mergeLayer(gemm: Gemm, changes: LayerChanges, commonShare: number): Promise<Matrix> {
  const { layer, weights, readChange } = changes;
  const size = spectrumSize(changes);
  const { common, own } = dimensionsOf(size, weights.length, commonShare);
  const subspaces = emptySubspaces(layer, size);
  const sum = await changeSpectrum(gemm, changes, await sumOfChanges(changes), common);
  takeSubspace(subspaces, sum);
  for (const [index, weight] of weights.entries()) {
    const change = await readChange(index);
    scaleRows(change, new Float64Array(change.rows).fill(weight));
    await removeColumnSpace(gemm, change, sum);
    takeSubspace(subspaces, await changeSpectrum(gemm, changes, change, own));
  }
  return isotropic(gemm, changes, subspaces);
}

/** How many singular vectors are common, and each agent's own. */
function dimensionsOf(
  size: number,
  agents: number,
  commonShare: number,
): { readonly common: number; readonly own: number } {
  const wanted = (size - Math.floor(size * commonShare)) / agents;
  const own = Math.min(roundHalfToEven(wanted), Math.floor(size / agents));
  return { common: size - own * agents, own };
}

function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/** A <- A - U U^T A */
async function removeColumnSpace(gemm: Gemm, a: Matrix, { left }: SingularVectors): Promise<void> {
  const shares = zeros(left.rows, a.columns);
  await gemm.accumulate(left, a, shares);
  await gemm.accumulate(left, shares, a, { alpha: -1, transA: true });
}

/** mean(S) P(U) P(V)^T; directions that are none count as zeros of S. */
async function isotropic(gemm: Gemm, changes: LayerChanges, subspaces: Subspaces): Promise<Matrix> {
  const { layer } = changes;
  const { values, left, right } = vectorsTaken(subspaces);
  const mean = values.reduce((sum, value) => sum + value, 0) / spectrumSize(changes);
  const name = `layer ${layer.module}`;
  const [u, v] = [await polarFactor(gemm, name, left), await polarFactor(gemm, name, right)];
  const merged = zeros(layer.outputs, layer.inputs);
  await gemm.accumulate(u, v, merged, { transA: true });
  scaleRows(merged, new Float64Array(merged.rows).fill(mean));
  return merged;
}
