import { sizeOf } from '../../shared/tensor.ts';
import type { MergeInputs, MergeStep } from './merge-step.ts';

/** Values that are averaged at a time: embeddings can be too large to be held in float64. */
const blockValues = 1 << 22;

/** The step that averages one parameter: sum c_i theta_i, accumulated in float64. */
export function meanStep(
  { contributions, coefficients }: Pick<MergeInputs, 'contributions' | 'coefficients'>,
  parameter: string,
): MergeStep {
  const size = sizeOf(contributions[0]?.weights.tensors.get(parameter)?.shape ?? [0]);
  return {
    name: parameter,
    parameters: [parameter],
    key: JSON.stringify(['mean', parameter]),
    // A block in float64 and one contribution's in float32.
    bytes: Math.min(size, blockValues) * (8 + 4),
    async run(output) {
      for (let start = 0; start < size; start += blockValues) {
        const end = Math.min(size, start + blockValues);
        const mean = new Float64Array(end - start);
        for (const [index, { weights }] of contributions.entries()) {
          const values = await weights.readFloat32Range(parameter, start, end);
          const coefficient = coefficients[index] as number;
          for (let i = 0; i < mean.length; i++) {
            mean[i] = (mean[i] as number) + coefficient * (values[i] as number);
          }
        }
        await output.write(parameter, mean, start);
      }
      return undefined;
    },
  };
}
