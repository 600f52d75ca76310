/** @file Simple averaging: theta = sum_i c_i theta_i. */
import { z } from '../../shared/zod.ts';
import { meanStep } from './mean-step.ts';
import { defineMethod } from './method.ts';

export const simple = defineMethod({
  name: 'simple',
  title: 'Simple averaging',
  description: 'every parameter is the weighted mean of the agents’',
  options: z.object({}),
  needs: () => [],
  settings: () => ({}),
  steps: (inputs) => inputs.parameters.map((parameter) => meanStep(inputs, parameter)),
});
