/**
 * @file TIES: of every agent's change the entries of largest magnitude are kept, for each entry the
 *   sign with more weight is elected, and the mean is over the agents that have it. Each parameter
 *   is trimmed by itself.
 */
import { z } from '../../shared/zod.ts';
import { defineMethod } from './method.ts';
import { densityOption, type Keep, keepLargest, keptOf, meanOfElectedSign } from './sparse-vectors.ts';
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
      wholeVectors: 1,
      async begin({ count, readWhole }) {
        const keeps: Keep[] = [];
        for (let index = 0; index < count; index++) {
          keeps.push(keepLargest(await readWhole(index), density));
        }
        return ({ vectors, weights }) => meanOfElectedSign({ vectors: keptOf(vectors, keeps), weights });
      },
    }),
});
