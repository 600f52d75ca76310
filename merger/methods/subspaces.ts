/**
 * @file Singular vectors of several changes, one after the other, to be made orthogonal together.
 */
import { type Matrix, rowSlice, zeros } from '../../shared/linalg/matrix.ts';
import type { SingularVectors } from '../../shared/linalg/singular-vectors.ts';
import type { SolvedLayer } from './layer-groups.ts';

/** Room for singular vectors, and how many are there. */
export interface Subspaces {
  readonly values: Float64Array;
  /** [k, n] */
  readonly left: Matrix;
  /** [k, d] */
  readonly right: Matrix;
  taken: number;
}

/** Room for so many singular vectors of a layer's changes. */
export function emptySubspaces({ inputs, outputs }: SolvedLayer, size: number): Subspaces {
  return {
    values: new Float64Array(size),
    left: zeros(size, outputs),
    right: zeros(size, inputs),
    taken: 0,
  };
}

/** Adds those of a change. */
export function takeSubspace(subspaces: Subspaces, { values, left, right }: SingularVectors): void {
  subspaces.values.set(values, subspaces.taken);
  subspaces.left.data.set(left.data, subspaces.taken * left.columns);
  subspaces.right.data.set(right.data, subspaces.taken * right.columns);
  subspaces.taken += values.length;
}

/** All that were added, which need not be orthogonal to one another. */
export function vectorsTaken({ values, left, right, taken }: Subspaces): SingularVectors {
  return {
    values: values.subarray(0, taken),
    left: rowSlice(left, 0, taken),
    right: rowSlice(right, 0, taken),
  };
}
