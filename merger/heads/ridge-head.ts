/**
 * @file One head for the data of all agents, exactly (He et al.: "AFL: A Single-Round Analytic
 *   Approach for Federated Learning with Pre-trained Models", https://arxiv.org/abs/2405.16240,
 *   equation 3): the ridge regression of the targets Y on the inputs X of the last layer,
 *
 *     (X^T X + r I) W = X^T Y
 *
 *   over the rows of all agents together, whose sums are the sums of theirs. X has a column of
 *   ones, whose weights are the bias, where the layer has one. Y is 1 for the class of a row and 0
 *   for others, or the value; of several classes that may apply at once, 1 or -1, so that a logit
 *   above 0 means that one applies.
 */
import type { HeadStatistics } from '../../shared/contribution/head-statistics.ts';
import type { Gemm } from '../../shared/linalg/gemm.ts';
import { addScaled, type Matrix, transpose, zeros } from '../../shared/linalg/matrix.ts';
import { solveSymmetric } from '../../shared/linalg/solve-symmetric.ts';

/** What is added to the diagonal of X^T X where nothing else is said. */
export const ridgeDefaults = { ridge: 1 } as const;

/** A head that was fitted. */
export interface RidgeHead {
  /** [outputs, inputs] */
  readonly weight: Matrix;
  /** [outputs]; null for a layer without one. */
  readonly bias: Float64Array | null;
  /** Inputs that are zero in all rows: their weights are zero. */
  readonly deadInputs: number;
  readonly relativeResidual: number;
}

/**
 * Fits a head to the sums of agents' statistics, of one layer, task and classes.
 *
 * @param ridge r
 * @param hasBias whether the layer has one
 * @throws RegmeanError `numerical` when the sums are none of outer products
 */
export async function fitRidgeHead(
  gemm: Gemm,
  [first, ...others]: readonly [HeadStatistics, ...HeadStatistics[]],
  { ridge, hasBias }: { readonly ridge: number; readonly hasBias: boolean },
): Promise<RidgeHead> {
  const { inputs, outputs, task, layer } = first;
  const [gram, cross] = [zeros(inputs + 1, inputs + 1), zeros(inputs + 1, outputs)];
  for (const own of [first, ...others]) {
    addScaled(gram, 1, own.gram);
    addScaled(cross, 1, own.cross);
  }
  if (task === 'multi-label-classification') fromFlagsToSigns(cross, gram);
  const size = hasBias ? inputs + 1 : inputs;
  const left = corner(gram, size, size);
  for (let i = 0; i < size; i++) left.data[i * (size + 1)] = (left.data[i * (size + 1)] as number) + ridge;
  const { x, deadInputs, relativeResidual } = await solveSymmetric(
    gemm,
    `head ${layer}`,
    left,
    corner(cross, size, outputs),
  );
  return {
    weight: transpose(corner(x, inputs, outputs)),
    bias: hasBias ? x.data.slice(inputs * outputs) : null,
    deadInputs,
    relativeResidual,
  };
}

/** X^T (2Y - 1): the last column of X^T X is X^T 1. */
function fromFlagsToSigns(cross: Matrix, gram: Matrix): void {
  const { rows, columns, data } = cross;
  for (let row = 0; row < rows; row++) {
    const ones = gram.data[(row + 1) * gram.columns - 1] as number;
    for (let i = row * columns; i < (row + 1) * columns; i++) data[i] = 2 * (data[i] as number) - ones;
  }
}

/** The first rows and columns, copied. */
function corner({ columns: all, data }: Matrix, rows: number, columns: number): Matrix {
  const result = zeros(rows, columns);
  for (let row = 0; row < rows; row++) {
    result.data.set(data.subarray(row * all, row * all + columns), row * columns);
  }
  return result;
}
