/**
 * @file Normal equations whose left side is a sum of Grams of low rank and diagonals, Lambda + V^T
 *   V with V [m, d]: solved by the formula of Sherman, Morrison and Woodbury,
 *
 *     (Lambda + V^T V)^-1 = Lambda^-1 - Lambda^-1 V^T (I + V Lambda^-1 V^T)^-1 V Lambda^-1
 *
 *   so that nothing of size d x d is made: memory is that of V and of the right side. The system is
 *   scaled to a unit diagonal first, as `solve-symmetric.ts` does, and refined against itself.
 */
import { cholesky, solveWithFactor } from './cholesky.ts';
import { denseGram } from './factored-gram.ts';
import type { Gemm } from './gemm.ts';
import {
  addScaled,
  columnSquares,
  copyOf,
  frobeniusNorm,
  type Matrix,
  scaleRows,
  stackRows,
  zeros,
} from './matrix.ts';
import type { LeftSide } from './normal-equations.ts';
import { type SymmetricSolution, solveSymmetric } from './solve-symmetric.ts';

/** U^T U + diag(s) */
export interface LowRankGram {
  /** U [k, d] */
  readonly factor: Matrix;
  /** s [d], none negative */
  readonly rest: Float64Array;
}

/**
 * Where Lambda is below this share of the diagonal the formula would lose too many digits: the sum
 * is solved as one dense matrix, which also knows what to do where it is singular.
 */
const leastShare = 1e-6;
/** Refinement ends at this residual, relative to the right side. */
const wantedResidual = 1e-13;
const maxRefinements = 4;
const tile = 16;

/** A left side that is a sum of Grams of low rank and diagonals. */
export function factoredLeftSide(gemm: Gemm, dimension: number): LeftSide<LowRankGram> {
  const factors: Matrix[] = [];
  const lambda = new Float64Array(dimension);
  return {
    dimension,
    add({ factor, rest }) {
      factors.push(factor);
      for (let i = 0; i < dimension; i++) lambda[i] = (lambda[i] as number) + (rest[i] as number);
    },
    async multiply({ factor, rest }, deviation, right) {
      addTransposed(right, rest, deviation);
      if (factor.rows === 0) return;
      const inner = zeros(factor.rows, deviation.rows);
      await gemm.accumulate(factor, deviation, inner, { transB: true });
      await gemm.accumulate(factor, inner, right, { transA: true });
    },
    solve: (system, right, nearest) =>
      solveFactored(gemm, system, { lambda, v: stackRows(factors, dimension) }, right, nearest),
  };
}

interface FactoredSum {
  /** [d] */
  readonly lambda: Float64Array;
  /** [m, d] */
  readonly v: Matrix;
}

async function solveFactored(
  gemm: Gemm,
  system: string,
  sum: FactoredSum,
  right: Matrix,
  nearest: () => Promise<Matrix>,
): Promise<SymmetricSolution> {
  const { lambda, v } = sum;
  const size = lambda.length;
  const diagonal = diagonalOf(sum);
  const shares = lambda.map((value, i) => (diagonal[i] === 0 ? 1 : value / (diagonal[i] as number)));
  const smallest = shares.reduce((least, share) => Math.min(least, share), 1);
  if (!(smallest >= leastShare)) {
    return solveSymmetric(gemm, system, denseGram({ factor: v, diagonal }), right, nearest);
  }
  const scale = diagonal.map((value) => (value === 0 ? 0 : 1 / Math.sqrt(value)));
  const scaled = { lambda: shares, v: scaledColumns(v, scale) };
  const norm = frobeniusNorm(right);
  scaleRows(right, scale);
  const apply = await inverseOf(gemm, system, scaled);
  const x = copyOf(right);
  await apply(x);
  let residual = await residualOf(gemm, scaled, x, right);
  let left = frobeniusNorm(residual);
  let refinements = 0;
  const wanted = wantedResidual * frobeniusNorm(right);
  while (left > wanted && refinements < maxRefinements) {
    const step = copyOf(residual);
    await apply(step);
    addScaled(step, 1, x);
    const next = await residualOf(gemm, scaled, step, right);
    const nextNorm = frobeniusNorm(next);
    if (!(nextNorm < left)) break;
    x.data.set(step.data);
    [residual, left] = [next, nextNorm];
    refinements++;
  }
  const inverseScale = diagonal.map(Math.sqrt);
  const relativeResidual = norm === 0 ? 0 : frobeniusNorm(residual, inverseScale) / norm;
  scaleRows(x, scale);
  const dead = Array.from({ length: size }, (_, i) => i).filter((i) => diagonal[i] === 0);
  if (dead.length > 0) {
    const start = await nearest();
    for (const i of dead) {
      x.data.set(start.data.subarray(i * x.columns, (i + 1) * x.columns), i * x.columns);
    }
  }
  return { x, deadInputs: dead.length, jitter: 0, relativeResidual, smallestPivot: smallest, refinements };
}

/** B <- (Lambda + V^T V)^-1 B, in place. */
async function inverseOf(
  gemm: Gemm,
  system: string,
  { lambda, v }: FactoredSum,
): Promise<(b: Matrix) => Promise<void>> {
  const inverse = lambda.map((value) => 1 / value);
  const weighted = scaledColumns(v, inverse);
  const inner = zeros(v.rows, v.rows);
  for (let i = 0; i < v.rows; i++) inner.data[i * (v.rows + 1)] = 1;
  await gemm.accumulate(weighted, v, inner, { transB: true });
  const factor = v.rows === 0 ? null : await cholesky(gemm, system, inner);
  return async (b) => {
    const projected = zeros(v.rows, b.columns);
    await gemm.accumulate(weighted, b, projected);
    scaleRows(b, inverse);
    if (factor === null) return;
    await solveWithFactor(gemm, factor, projected);
    await gemm.accumulate(weighted, projected, b, { transA: true, alpha: -1 });
  };
}

/** B - (Lambda + V^T V) X */
async function residualOf(gemm: Gemm, { lambda, v }: FactoredSum, x: Matrix, b: Matrix): Promise<Matrix> {
  const residual = copyOf(x);
  scaleRows(
    residual,
    lambda.map((value) => -value),
  );
  addScaled(residual, 1, b);
  const projected = zeros(v.rows, x.columns);
  await gemm.accumulate(v, x, projected);
  await gemm.accumulate(v, projected, residual, { transA: true, alpha: -1 });
  return residual;
}

function diagonalOf({ lambda, v }: FactoredSum): Float64Array {
  return columnSquares(v).map((square, i) => square + (lambda[i] as number));
}

/** A copy with column i multiplied by `factors[i]`. */
function scaledColumns(matrix: Matrix, factors: Float64Array): Matrix {
  const scaled = copyOf(matrix);
  const { columns, data } = scaled;
  for (let row = 0; row < scaled.rows; row++) {
    for (let i = 0; i < columns; i++) {
      const at = row * columns + i;
      data[at] = (data[at] as number) * (factors[i] as number);
    }
  }
  return scaled;
}

/** target <- target + diag(factors) source^T, tile by tile so that it stays in the cache. */
function addTransposed(target: Matrix, factors: Float64Array, source: Matrix): void {
  const { rows, columns } = source;
  for (let left = 0; left < columns; left += tile) {
    const right = Math.min(columns, left + tile);
    for (let top = 0; top < rows; top += tile) {
      const bottom = Math.min(rows, top + tile);
      for (let column = left; column < right; column++) {
        const factor = factors[column] as number;
        for (let row = top; row < bottom; row++) {
          const at = column * rows + row;
          target.data[at] =
            (target.data[at] as number) + factor * (source.data[row * columns + column] as number);
        }
      }
    }
  }
}
