/**
 * @file DARE: of every agent's change entries are dropped at random and the others enlarged, so
 *   that the mean stays; then the changes are averaged, or those of the elected sign are.
 */
import { deriveSeed } from '../../shared/random.ts';
import { z } from '../../shared/zod.ts';
import { defineMethod } from './method.ts';
import { option } from './option.ts';
import { densityOption, keepRandom, keptOf, meanOfElectedSign } from './sparse-vectors.ts';
import { taskVectorSteps, weightedSum } from './task-vectors.ts';

export const dare = defineMethod({
  name: 'dare',
  title: 'DARE',
  description: 'changes from the base are dropped at random and the rest enlarged, then averaged',
  paper: {
    citation: 'Yu et al., ICML 2024',
    title: 'Language Models are Super Mario: Absorbing Abilities from Homologous Models as a Free Lunch',
    link: 'https://arxiv.org/abs/2311.03099',
    where: 'section 3',
  },
  options: z.object({
    density: densityOption,
    signs: option(z.enum(['all', 'elected']).default('all'), {
      help: 'elected: each entry is the mean over the agents that have the sign with more weight, as TIES has it',
      value: 'which',
    }),
    dropSeed: option(z.int().min(0).default(1), { help: 'seed of what is dropped' }),
  }),
  needs: () => ['base'],
  settings: (options) => options,
  steps: (inputs, { density, signs, dropSeed }) =>
    taskVectorSteps(inputs, {
      async begin({ parameter, count }) {
        const keeps = Array.from({ length: count }, (_, index) =>
          keepRandom(density, deriveSeed(dropSeed, parameter, index)),
        );
        return ({ vectors, weights }) => {
          const block = { vectors: keptOf(vectors, keeps), weights };
          return signs === 'elected' ? meanOfElectedSign(block) : weightedSum(block, 1 / count);
        };
      },
    }),
});
