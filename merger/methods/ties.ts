/**
 * @file TIES: of every agent's change the entries of largest magnitude are kept, for each entry the
 *   sign with more weight is elected, and the mean is over the agents that have it. Each parameter
 *   is trimmed by itself.
 */
import { z } from '../../shared/zod.ts';
import { defineMethod } from './method.ts';
import { densityOption, keepLargest, keptOf, meanOfElectedSign } from './sparse-vectors.ts';
import { taskVectorSteps } from './task-vectors.ts';

export const ties = defineMethod({
  name: 'ties',
  title: 'TIES',
  description:
    'the largest changes from the base are kept, and averaged over the agents that agree on the sign',
  paper: {
    citation: 'Yadav et al., NeurIPS 2023',
    title: 'TIES-Merging: Resolving Interference When Merging Models',
    link: 'https://arxiv.org/abs/2306.01708',
    where: 'section 4, each parameter trimmed by itself',
  },
  options: z.object({ density: densityOption }),
  needs: () => ['base'],
  settings: (options) => options,
  steps: (inputs, { density }) =>
    taskVectorSteps(inputs, {
      async begin(source) {
        const keeps = await keepLargest(source, density);
        return ({ vectors, weights }) => meanOfElectedSign({ vectors: keptOf(vectors, keeps), weights });
      },
    }),
});
