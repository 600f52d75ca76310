/**
 * @file The normal equations of a linear layer over several contributions, as sums:
 *
 *     left X = right,   left = sum_i G_i,   right = sum_i G_i D_i^T
 *
 * G_i is what contribution i has of its inputs, [d, d] symmetric and positive semidefinite; D_i
 * its weights less those that X is measured from, [n, d]. Whoever adds up contributions, all at
 * once or some elsewhere, needs these two sums and nothing else. How `left` is held is the left
 * side's own affair: whole as here, or in any other form that can be added to and solved.
 */
import type { Gemm } from './gemm.ts';
import { addScaled, type Matrix, zeros } from './matrix.ts';
import { type SymmetricSolution, solveSymmetric } from './solve-symmetric.ts';

/** The left side of normal equations: a sum of Grams of one form. */
export interface LeftSide<Gram> {
  /** Inputs d. */
  readonly dimension: number;
  /** left <- left + G */
  add(gram: Gram): void;
  /**
   * right <- right + G D^T
   *
   * @param deviation D [n, d]
   * @param right [d, n]
   */
  multiply(gram: Gram, deviation: Matrix, right: Matrix): Promise<void>;
  /**
   * X [d, n] with left X = right. Overwrites both sides: it can be called once.
   *
   * @param system names the system in errors
   * @param nearest X0 [d, n]: where left does not determine X, the solution is the one nearest to
   *   it; called only then
   * @throws RegmeanError `numerical` when the sum is no sum of Grams
   */
  solve(system: string, right: Matrix, nearest: () => Promise<Matrix>): Promise<SymmetricSolution>;
}

/** What one contribution adds to the sums. */
export interface Summand<Gram> {
  readonly gram: Gram;
  /** D [n, d]; absent where it is zero. */
  readonly deviation?: Matrix | undefined;
}

/** Sums over contributions, to be solved once. */
export interface NormalEquations<Gram> {
  readonly left: LeftSide<Gram>;
  /** [d, n] */
  readonly right: Matrix;
  /** Adds a contribution to both sums. */
  accumulate(contribution: Summand<Gram>): Promise<void>;
  /** Solves the system; see `LeftSide.solve`. */
  solve(system: string, nearest: () => Promise<Matrix>): Promise<SymmetricSolution>;
}

/** Normal equations with no contribution yet, for n outputs in all. */
export function normalEquations<Gram>(left: LeftSide<Gram>, outputs: number): NormalEquations<Gram> {
  const right = zeros(left.dimension, outputs);
  return {
    left,
    right,
    async accumulate({ gram, deviation }) {
      left.add(gram);
      if (deviation !== undefined) await left.multiply(gram, deviation, right);
    },
    solve: (system, nearest) => left.solve(system, right, nearest),
  };
}

/** A left side that is one dense matrix of float64, the sum of dense Grams [d, d]. */
export function denseLeftSide(gemm: Gemm, dimension: number): LeftSide<Matrix> {
  const sum = zeros(dimension, dimension);
  return {
    dimension,
    add: (gram) => addScaled(sum, 1, gram),
    multiply: (gram, deviation, right) => gemm.accumulate(gram, deviation, right, { transB: true }),
    solve: (system, right, nearest) => solveSymmetric(gemm, system, sum, right, nearest),
  };
}
