import { sizeOf } from '../../shared/tensor.ts';
import type { MergeInputs, MergeStep } from './merge-step.ts';

/** Values that are averaged at a time: embeddings can be too large to be held in float64. */
const blockValues = 1 << 18;

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
      const sums = new Float64Array(Math.min(size, blockValues));
      const block = new Float32Array(sums.length);
      for (let start = 0; start < size; start += blockValues) {
        const end = Math.min(size, start + blockValues);
        const mean = sums.subarray(0, end - start).fill(0);
        for (const [index, { weights }] of contributions.entries()) {
          const into = block.subarray(0, end - start);
          const values = await weights.readFloat32Range(parameter, start, end, into);
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
