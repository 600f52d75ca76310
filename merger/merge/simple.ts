/** @file Simple averaging: theta = sum c_i theta_i for every parameter. */

import type { MergeInputs, MergeStep, MergeStrategy } from './strategy.ts';

/** Every parameter becomes its coefficient-weighted mean. */
export const simple: MergeStrategy = (inputs) =>
  inputs.parameters.map((parameter) => meanStep(inputs, parameter));

/** The step that averages one parameter: sum c_i theta_i, accumulated in float64. */
export function meanStep({ contributions, coefficients }: MergeInputs, parameter: string): MergeStep {
  return {
    name: parameter,
    parameters: [parameter],
    async run() {
      let mean: Float64Array | undefined;
      for (const [index, { weights }] of contributions.entries()) {
        const { data } = await weights.readFloat32(parameter);
        const coefficient = coefficients[index] as number;
        mean ??= new Float64Array(data.length);
        for (let i = 0; i < data.length; i++)
          mean[i] = (mean[i] as number) + coefficient * (data[i] as number);
      }
      return { tensors: new Map([[parameter, mean ?? new Float64Array()]]) };
    },
  };
}
