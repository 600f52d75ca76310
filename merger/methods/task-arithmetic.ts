/** @file Task Arithmetic: theta = theta_0 + lambda sum_i w_i tau_i, tau_i = theta_i - theta_0. */
import { z } from '../../shared/zod.ts';
import { defineMethod } from './method.ts';
import { option } from './option.ts';
import { taskVectorSteps, weightedSum } from './task-vectors.ts';

export const taskArithmetic = defineMethod({
  name: 'task-arithmetic',
  title: 'Task Arithmetic',
  description: 'the agents’ changes from the base are added up, times one factor',
  paper: {
    citation: 'Ilharco et al., ICLR 2023',
    title: 'Editing Models with Task Arithmetic',
    link: 'https://arxiv.org/abs/2212.04089',
    where: 'section 2; the default factor is the one of Yadav et al. (2023) without validation data',
  },
  options: z.object({
    lambda: option(z.number().min(0).default(0.4), {
      help: 'factor on the sum of the changes',
      sweep: {
        title: 'Lambda',
        axis: 'lambda, the factor on the sum of the changes',
        note: 'All agents merged by the sum of their changes from the base, times lambda.',
      },
    }),
  }),
  needs: () => ['base'],
  settings: (options) => options,
  steps: (inputs, { lambda }) =>
    taskVectorSteps(inputs, { begin: async () => (block) => weightedSum(block, lambda) }),
});
