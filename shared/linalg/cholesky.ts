/**
 * @file Cholesky factorization A = L L^T of a symmetric positive definite matrix, by halves:
 *
 *     [A11 A12]      L11 = chol(A11),  L21^T = L11^-1 A12,  L22 = chol(A22 - L21 L21^T)
 *     [ .  A22]
 *
 * so that nearly all of the work is large matrix products. The matrix is held as the tree of blocks
 * that the recursion visits; every product then works on gapless blocks or on row slices of them,
 * and nothing is packed or copied. Leaves are factored and inverted directly, so that solves are
 * products as well. Recursion after F. G. Gustavson, "Recursion leads to automatic variable
 * blocking for dense linear-algebra algorithms", IBM J. Res. Dev. 41 (1997).
 */

import { RegmeanError } from '../errors.ts';
import type { Gemm } from './gemm.ts';
import { copyOf, type Matrix, rowSlice, transpose, zeros } from './matrix.ts';

/**
 * Blocks of at most this size are factored without products; found best among 32 to 192 by timing.
 */
const maxLeafSize = 96;

/** The upper triangle of a symmetric matrix, block by block. */
type SymmetricBlocks =
  | { readonly kind: 'leaf'; readonly size: number; readonly square: Matrix }
  | {
      readonly kind: 'split';
      readonly size: number;
      readonly first: SymmetricBlocks;
      /** [first.size, second.size] */
      readonly upper: Matrix;
      readonly second: SymmetricBlocks;
    };

/** L, block by block; leaves are held as their inverses. */
type LowerBlocks =
  | { readonly kind: 'leaf'; readonly size: number; readonly inverse: Matrix }
  | {
      readonly kind: 'split';
      readonly size: number;
      readonly first: LowerBlocks;
      /** L21 [second.size, first.size] */
      readonly lower: Matrix;
      readonly second: LowerBlocks;
    };

/** A = L L^T, ready to solve with. */
export interface CholeskyFactor {
  readonly lower: LowerBlocks;
  /**
   * The smallest square of a diagonal entry of L; for a unit diagonal at most 1, and small when A
   * is nearly singular.
   */
  readonly smallestPivot: number;
}

/** The matrix is not positive definite, or not by the margin that was asked for. */
export class NotPositiveDefiniteError extends RegmeanError {
  readonly pivot: number;

  constructor(matrix: string, pivot: number, value: number, limit: number) {
    super('numerical', `${matrix}: must be positive definite, pivot ${pivot} is ${value} (above ${limit})`);
    this.pivot = pivot;
  }
}

/**
 * Factors the symmetric part (A + A^T) / 2 of a matrix that is symmetric up to rounding.
 *
 * @param matrix names it in errors
 * @param a [d, d]
 * @param minPivot pivots must be above this
 * @throws NotPositiveDefiniteError naming matrix and pivot
 */
export async function cholesky(gemm: Gemm, matrix: string, a: Matrix, minPivot = 0): Promise<CholeskyFactor> {
  let smallestPivot = Number.POSITIVE_INFINITY;

  const factor = async (blocks: SymmetricBlocks, offset: number): Promise<LowerBlocks> => {
    if (blocks.kind === 'leaf') {
      const { inverse, smallest } = factorLeaf(matrix, blocks.square, offset, minPivot);
      smallestPivot = Math.min(smallestPivot, smallest);
      return { kind: 'leaf', size: blocks.size, inverse };
    }
    const first = await factor(blocks.first, offset);
    await forward(gemm, first, blocks.upper);
    const lower = transpose(blocks.upper);
    await subtractOuter(gemm, blocks.second, lower);
    const second = await factor(blocks.second, offset + first.size);
    return { kind: 'split', size: blocks.size, first, lower, second };
  };

  const lower = await factor(blocksOf(a, 0, a.rows), 0);
  return { lower, smallestPivot };
}

/** Solves A X = B in place of `b` [d, n]: L Y = B, then L^T X = Y. */
export async function solveWithFactor(gemm: Gemm, { lower }: CholeskyFactor, b: Matrix): Promise<void> {
  await forward(gemm, lower, b);
  await backward(gemm, lower, b);
}

async function forward(gemm: Gemm, blocks: LowerBlocks, b: Matrix): Promise<void> {
  if (blocks.kind === 'leaf') return replaceByProduct(gemm, blocks.inverse, b, false);
  const top = rowSlice(b, 0, blocks.first.size);
  const bottom = rowSlice(b, blocks.first.size, b.rows);
  await forward(gemm, blocks.first, top);
  await gemm.accumulate(blocks.lower, top, bottom, { alpha: -1 });
  await forward(gemm, blocks.second, bottom);
}

async function backward(gemm: Gemm, blocks: LowerBlocks, b: Matrix): Promise<void> {
  if (blocks.kind === 'leaf') return replaceByProduct(gemm, blocks.inverse, b, true);
  const top = rowSlice(b, 0, blocks.first.size);
  const bottom = rowSlice(b, blocks.first.size, b.rows);
  await backward(gemm, blocks.second, bottom);
  await gemm.accumulate(blocks.lower, bottom, top, { alpha: -1, transA: true });
  await backward(gemm, blocks.first, top);
}

/** B <- op(A) B */
async function replaceByProduct(gemm: Gemm, a: Matrix, b: Matrix, transA: boolean): Promise<void> {
  const before = copyOf(b);
  b.data.fill(0);
  await gemm.accumulate(a, before, b, { transA });
}

/** blocks <- blocks - Z Z^T, upper triangle only; z is [blocks.size, k]. */
async function subtractOuter(gemm: Gemm, blocks: SymmetricBlocks, z: Matrix): Promise<void> {
  if (blocks.kind === 'leaf') return gemm.accumulate(z, z, blocks.square, { alpha: -1, transB: true });
  const top = rowSlice(z, 0, blocks.first.size);
  const bottom = rowSlice(z, blocks.first.size, z.rows);
  await subtractOuter(gemm, blocks.first, top);
  await gemm.accumulate(top, bottom, blocks.upper, { alpha: -1, transB: true });
  await subtractOuter(gemm, blocks.second, bottom);
}

function blocksOf(a: Matrix, start: number, end: number): SymmetricBlocks {
  const size = end - start;
  if (size <= maxLeafSize) return { kind: 'leaf', size, square: blockOf(a, start, end, start, end) };
  const middle = start + Math.ceil(size / 2);
  return {
    kind: 'split',
    size,
    first: blocksOf(a, start, middle),
    upper: blockOf(a, start, middle, middle, end),
    second: blocksOf(a, middle, end),
  };
}

const tile = 16;

/** A block of (A + A^T) / 2, copied tile by tile so that the transposed reads stay in the cache. */
function blockOf(a: Matrix, top: number, bottom: number, left: number, right: number): Matrix {
  const block = zeros(bottom - top, right - left);
  const { columns, data } = a;
  for (let tileTop = top; tileTop < bottom; tileTop += tile) {
    const tileBottom = Math.min(bottom, tileTop + tile);
    for (let tileLeft = left; tileLeft < right; tileLeft += tile) {
      const tileRight = Math.min(right, tileLeft + tile);
      for (let row = tileTop; row < tileBottom; row++) {
        const start = (row - top) * block.columns - left;
        for (let column = tileLeft; column < tileRight; column++) {
          const upper = data[row * columns + column] as number;
          block.data[start + column] = (upper + (data[column * columns + row] as number)) / 2;
        }
      }
    }
  }
  return block;
}

/** L^-1 of a leaf, whose upper triangle holds A. */
function factorLeaf(
  matrix: string,
  square: Matrix,
  offset: number,
  minPivot: number,
): { inverse: Matrix; smallest: number } {
  const size = square.rows;
  const upper = square.data;
  let smallest = Number.POSITIVE_INFINITY;
  for (let k = 0; k < size; k++) {
    const pivot = upper[k * size + k] as number;
    if (!(pivot > minPivot)) throw new NotPositiveDefiniteError(matrix, offset + k, pivot, minPivot);
    smallest = Math.min(smallest, pivot);
    const root = Math.sqrt(pivot);
    for (let j = k; j < size; j++) upper[k * size + j] = (upper[k * size + j] as number) / root;
    for (let i = k + 1; i < size; i++) {
      const factor = upper[k * size + i] as number;
      for (let j = i; j < size; j++) {
        upper[i * size + j] = (upper[i * size + j] as number) - factor * (upper[k * size + j] as number);
      }
    }
  }
  return { inverse: invertTransposed(upper, size), smallest };
}

/** (U^T)^-1 for upper triangular U, row by row: L X = I with L = U^T. */
function invertTransposed(upper: Float64Array, size: number): Matrix {
  const inverse = zeros(size, size);
  const x = inverse.data;
  for (let i = 0; i < size; i++) {
    const reciprocal = 1 / (upper[i * size + i] as number);
    for (let k = 0; k < i; k++) {
      const factor = (upper[k * size + i] as number) * reciprocal;
      for (let j = 0; j <= k; j++)
        x[i * size + j] = (x[i * size + j] as number) - factor * (x[k * size + j] as number);
    }
    x[i * size + i] = reciprocal;
  }
  return inverse;
}
