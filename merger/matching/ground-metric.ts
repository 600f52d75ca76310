/**
 * @file Matching by weights (Singh and Jaggi: "Model Fusion via Optimal Transport", 2020; paper,
 *   Appendix D).
 */
import type { Gemm } from '../../shared/linalg/gemm.ts';
import { type Matrix, zeros } from '../../shared/linalg/matrix.ts';

/**
 * Euclidean distances between the neurons of two layers, each a row of incoming weights with its
 * bias.
 *
 *     M[i][j] = || a_i - b_j ||,   ||a - b||^2 = ||a||^2 + ||b||^2 - 2 a.b
 *
 * @param left [neurons, inputs + 1]
 * @param right of the same shape
 * @returns [neurons, neurons]
 */
export async function groundMetric(gemm: Gemm, left: Matrix, right: Matrix): Promise<Matrix> {
  const metric = zeros(left.rows, right.rows);
  await gemm.accumulate(left, right, metric, { transB: true });
  const [ofLeft, ofRight] = [squaredNorms(left), squaredNorms(right)];
  for (let i = 0; i < metric.rows; i++) {
    for (let j = 0; j < metric.columns; j++) {
      const at = i * metric.columns + j;
      const square = (ofLeft[i] as number) + (ofRight[j] as number) - 2 * (metric.data[at] as number);
      metric.data[at] = Math.sqrt(Math.max(0, square));
    }
  }
  return metric;
}

function squaredNorms({ rows, columns, data }: Matrix): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) sum += (data[i] as number) ** 2;
    return sum;
  });
}
