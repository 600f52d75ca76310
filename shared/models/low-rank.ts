/**
 * @file Weights that are a frozen matrix and an update of low rank, W_0 + s B A (Hu et al., 2021,
 *   https://arxiv.org/abs/2106.09685).
 */
import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';

/** The update of one weight. */
export interface WeightUpdate {
  readonly rank: number;
  /** s */
  readonly scaling: number;
  /** Whether the weight is stored [in, out], so that it is W_0 + s (B A)^T. */
  readonly isTurned: boolean;
}

/** Weight -> its update. */
export type WeightUpdates = ReadonlyMap<string, WeightUpdate>;

/** Names of the two factors of a weight's update, as PEFT has them. */
export function factorNames(weight: string): { readonly a: string; readonly b: string } {
  const module = weight.replace(/\.weight$/, '');
  return { a: `${module}.lora_A.weight`, b: `${module}.lora_B.weight` };
}

/** Shapes of the two factors of a weight's update: A [rank, in], B [out, rank]. */
export function factorShapes(
  [rows, columns]: readonly [number, number],
  { rank, isTurned }: Pick<WeightUpdate, 'rank' | 'isTurned'>,
): { readonly a: readonly number[]; readonly b: readonly number[] } {
  const [outputs, inputs] = isTurned ? [columns, rows] : [rows, columns];
  return { a: [rank, inputs], b: [outputs, rank] };
}

/**
 * The weight with its update.
 *
 * @param weight W_0 as it is stored
 * @param a [rank, in]
 * @param b [out, rank]
 */
export function updatedWeight(
  weight: Value,
  { a, b }: { readonly a: Value; readonly b: Value },
  { scaling, isTurned }: WeightUpdate,
): Value {
  const change = isTurned ? ops.gemm(a, b, { transA: true, transB: true }) : ops.matMul(b, a);
  return ops.add(weight, ops.mulScalar(change, scaling));
}
