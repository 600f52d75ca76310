/**
 * @file TSV-Merge: of every agent's change only the first singular vectors are kept, an equal share
 *   for each, and those of all agents are made orthogonal together, on either side, so that agents
 *   do not interfere.
 *
 *     D_i ~ U_i S_i V_i^T,   W = W_0 + P(U_1 U_2 ..) diag(w_1 S_1, w_2 S_2, ..) P(V_1 V_2 ..)^T
 *
 *   with P(X) the matrix with orthonormal columns that is nearest to X (orthogonal Procrustes). The
 *   paper's factor on the result is `--scale`.
 */
import type { Gemm } from '../../shared/linalg/gemm.ts';
import { type Matrix, scaleRows, zeros } from '../../shared/linalg/matrix.ts';
import { polarFactor } from '../../shared/linalg/singular-vectors.ts';
import { z } from '../../shared/zod.ts';
import { type LayerChanges, layerChangeSteps, needsOfChanges } from './changed-layers.ts';
import { changeSpectrum, spectrumSize } from './layer-spectrum.ts';
import { defineMethod } from './method.ts';
import { option } from './option.ts';
import { vectorsOption } from './other-parameters.ts';
import { emptySubspaces, takeSubspace, vectorsTaken } from './subspaces.ts';

export const tsvMerge = defineMethod({
  name: 'tsv-merge',
  title: 'TSV-Merge',
  description:
    'the first singular vectors of the agents’ changes of every linear layer are made orthogonal to one another and ' +
    'put together; all other parameters are averages',
  paper: {
    citation: 'Gargiulo et al., CVPR 2025',
    title: 'Task Singular Vectors: Reducing Task Interference in Model Merging',
    link: 'https://arxiv.org/abs/2412.00081',
    where: 'section 4.3 and algorithm 1',
  },
  options: z.object({
    rankShare: option(z.number().gt(0).max(1).optional(), {
      help: 'share of its singular vectors that each agent keeps',
      label: 'share of singular vectors that each agent keeps',
      default: 'one by the number of agents',
      sweep: {
        title: 'Rank share',
        axis: 'share of its singular vectors that each agent keeps',
        note: 'All agents merged by the first singular vectors of their changes, a share of each agent’s.',
      },
    }),
    vectors: vectorsOption,
  }),
  settings: (options) => options,
  needs: (settings) => needsOfChanges(settings),
  steps(inputs, settings) {
    const agents = inputs.contributions.length;
    const { rankShare = 1 / agents } = settings;
    return layerChangeSteps(inputs, settings, {
      values({ inputs: d, outputs: n }) {
        const kept = Math.max(Math.min(n, d), agents * keptOf(Math.min(n, d), rankShare));
        return 5 * n * d + 9 * Math.min(n, d) ** 2 + 4 * kept * (n + d);
      },
      merge: (changes) => mergeLayer(inputs.gemm, changes, rankShare),
    });
  },
});

/** How many singular vectors an agent keeps: at least one. */
function keptOf(size: number, share: number): number {
  // 1/3 of 9 must not be 2.
  return Math.max(1, Math.floor(size * share + 1e-9));
}

async function mergeLayer(gemm: Gemm, changes: LayerChanges, rankShare: number): Promise<Matrix> {
  const { layer, weights, readChange } = changes;
  const kept = keptOf(spectrumSize(changes), rankShare);
  const subspaces = emptySubspaces(layer, kept * weights.length);
  for (const [index, weight] of weights.entries()) {
    const own = await changeSpectrum(gemm, changes, await readChange(index), kept);
    takeSubspace(subspaces, { ...own, values: own.values.map((value) => weight * value) });
  }
  const { values, left, right } = vectorsTaken(subspaces);
  const name = `layer ${layer.module}`;
  const [u, v] = [await polarFactor(gemm, name, left), await polarFactor(gemm, name, right)];
  scaleRows(u, values);
  const merged = zeros(layer.outputs, layer.inputs);
  await gemm.accumulate(u, v, merged, { transA: true });
  return merged;
}
