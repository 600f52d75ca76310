/**
 * @file Iso-C: the sum of the agents' changes, with all of its singular values replaced by their
 *   mean, so that no direction that agents have in common drowns the others.
 *
 *     sum_i w_i D_i = U S V^T,   W = W_0 + mean(S) U V^T
 *
 *   The mean is over min(n, d) values, zeros included. Directions that no agent changed have no
 *   singular vectors: they keep the base's weights. The paper's factor on the result is `--scale`.
 */
import { type Matrix, scaleRows, zeros } from '../../shared/linalg/matrix.ts';
import { z } from '../../shared/zod.ts';
import { layerChangeSteps, needsOfChanges, sumOfChanges } from './changed-layers.ts';
import { changeSpectrum, spectrumSize } from './layer-spectrum.ts';
import { defineMethod } from './method.ts';
import { vectorsOption } from './other-parameters.ts';

export const isoC = defineMethod({
  name: 'iso-c',
  title: 'Iso-C',
  description:
    'the agents’ changes of every linear layer are added up, and all singular values of the sum replaced by their ' +
    'mean; all other parameters are averages',
  paper: {
    citation: 'Marczak et al., ICML 2025',
    title: 'No Task Left Behind: Isotropic Model Merging with Common and Task-Specific Subspaces',
    link: 'https://arxiv.org/abs/2502.04959',
    where: 'section 4.1',
  },
  options: z.object({ vectors: vectorsOption }),
  settings: (options) => options,
  needs: (settings) => needsOfChanges(settings),
  steps: (inputs, settings) =>
    layerChangeSteps(inputs, settings, {
      values: ({ inputs: d, outputs: n }) => 5 * n * d + 8 * Math.min(n, d) ** 2,
      async merge(changes) {
        const { values, left, right } = await changeSpectrum(
          inputs.gemm,
          changes,
          await sumOfChanges(changes),
        );
        const mean = values.reduce((sum, value) => sum + value, 0) / spectrumSize(changes);
        scaleRows(left, new Float64Array(left.rows).fill(mean));
        const merged: Matrix = zeros(changes.layer.outputs, changes.layer.inputs);
        await inputs.gemm.accumulate(left, right, merged, { transA: true });
        return merged;
      },
    }),
});
