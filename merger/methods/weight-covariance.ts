/**
 * @file What the change of a layer's weights says of its inputs. A gradient of W is a sum of outer
 *   products of output gradients and inputs, so the rows of the change D = W - W_0, [outputs,
 *   inputs], lie where the inputs do, and D^T D stands for the Gram of the inputs up to a factor
 *   (Hameed et al., 2026, https://arxiv.org/abs/2604.01329; Xu et al., CVPR 2026,
 *   https://arxiv.org/abs/2603.02945, who centre the rows and divide by the trace).
 */

import type { Gemm } from '../../shared/linalg/gemm.ts';
import { addToDiagonal, copyOf, type Matrix, traceOf, zeros } from '../../shared/linalg/matrix.ts';

/** How the covariance is made from a change of weights. */
export interface WeightCovarianceSettings {
  /** Share of the mean diagonal entry that is added to the diagonal. */
  readonly covarianceEps: number;
  /** `rows`: the mean over the rows of D is taken off first. */
  readonly covarianceCentring: 'none' | 'rows';
  /** `trace`: divided by its trace, so that large changes weigh no more than small ones. */
  readonly covarianceNormalize: 'none' | 'trace';
}

/**
 * C = D^T D + eps tr(D^T D) / d I, [d, d]; zero where nothing changed.
 *
 * @param deviation D [n, d]
 */
export async function weightCovariance(
  gemm: Gemm,
  deviation: Matrix,
  { covarianceEps, covarianceCentring, covarianceNormalize }: WeightCovarianceSettings,
): Promise<Matrix> {
  const rows = covarianceCentring === 'rows' ? centredRows(deviation) : deviation;
  const dimension = deviation.columns;
  const covariance = zeros(dimension, dimension);
  await gemm.accumulate(rows, rows, covariance, { transA: true });
  const { data } = covariance;
  const trace = traceOf(covariance);
  addToDiagonal(covariance, (covarianceEps * trace) / dimension);
  if (covarianceNormalize === 'none' || trace === 0) return covariance;
  for (let at = 0; at < data.length; at++) data[at] = (data[at] as number) / trace;
  return covariance;
}

/** A matrix less the mean of its rows. */
export function centredRows(matrix: Matrix): Matrix {
  const { rows, columns, data } = matrix;
  const mean = new Float64Array(columns);
  for (let at = 0; at < data.length; at++) {
    const column = at % columns;
    mean[column] = (mean[column] as number) + (data[at] as number) / rows;
  }
  const result = copyOf(matrix);
  for (let at = 0; at < data.length; at++) {
    result.data[at] = (data[at] as number) - (mean[at % columns] as number);
  }
  return result;
}
