/**
 * @file Parameters that are no weights of linear layers, weighed by how far each agent moved them:
 *   what an agent left alone does not pull back what another learned.
 *
 *     theta = theta_0 + sum_i c_i tau_i^3 / sum_i c_i tau_i^2,   tau_i = theta_i - theta_0
 *
 *   entry by entry: the data-free covariance of a layer with a single input.
 */
import type { TaskVectorMethod, TaskVectors } from './task-vectors.ts';

/** What nobody moved stays as it is. */
export const squaredChange: TaskVectorMethod = {
  begin: async () => meanBySquares,
};

function meanBySquares({ vectors, weights }: TaskVectors): Float64Array {
  const weighted = new Float64Array(vectors[0]?.length ?? 0);
  const sums = new Float64Array(weighted.length);
  for (const [index, vector] of vectors.entries()) {
    const coefficient = weights[index] as number;
    for (let i = 0; i < vector.length; i++) {
      const change = vector[i] as number;
      const weight = coefficient * change * change;
      sums[i] = (sums[i] as number) + weight;
      weighted[i] = (weighted[i] as number) + weight * change;
    }
  }
  for (let i = 0; i < sums.length; i++) {
    const sum = sums[i] as number;
    weighted[i] = sum > 0 ? (weighted[i] as number) / sum : 0;
  }
  return weighted;
}
