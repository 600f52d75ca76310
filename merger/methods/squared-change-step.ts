/**
 * @file Parameters that are no weights of linear layers, weighed by how far each agent moved them:
 *   what an agent left alone does not pull back what another learned.
 *
 *     theta = theta_0 + sum_i c_i d_i^3 / sum_i c_i d_i^2,   d_i = theta_i - theta_0
 *
 * entry by entry: the data-free covariance of a layer with a single input.
 */

import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { sizeOf } from '../../shared/tensor.ts';
import type { MergeInputs, MergeStep } from './merge-step.ts';

/** Values that are merged at a time. */
const blockValues = 1 << 20;

/** The step that merges one parameter, which the base holds. */
export function squaredChangeStep(
  { contributions, coefficients }: Pick<MergeInputs, 'contributions' | 'coefficients'>,
  base: TensorReader,
  parameter: string,
): MergeStep {
  const size = sizeOf(base.tensors.get(parameter)?.shape ?? [0]);
  return {
    name: parameter,
    parameters: [parameter],
    // Two blocks in float64; the base's and a contribution's in float32.
    bytes: Math.min(size, blockValues) * (2 * 8 + 2 * 4),
    async run(output) {
      for (let start = 0; start < size; start += blockValues) {
        const end = Math.min(size, start + blockValues);
        const from = await base.readFloat32Range(parameter, start, end);
        const weighted = new Float64Array(end - start);
        const weights = new Float64Array(end - start);
        for (const [index, contribution] of contributions.entries()) {
          const values = await contribution.weights.readFloat32Range(parameter, start, end);
          const coefficient = coefficients[index] as number;
          for (let i = 0; i < values.length; i++) {
            const change = (values[i] as number) - (from[i] as number);
            const weight = coefficient * change * change;
            weights[i] = (weights[i] as number) + weight;
            weighted[i] = (weighted[i] as number) + weight * change;
          }
        }
        for (let i = 0; i < weighted.length; i++) {
          const change = (weights[i] as number) > 0 ? (weighted[i] as number) / (weights[i] as number) : 0;
          weighted[i] = (from[i] as number) + change;
        }
        await output.write(parameter, weighted, start);
      }
      return undefined;
    },
  };
}
