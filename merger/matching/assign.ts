import { linearSumAssignment } from 'linear-sum-assignment';
import type { Matrix } from '../../shared/linalg/matrix.ts';

/** What an assignment makes of the values it picks. */
export type Goal = 'least' | 'most';

/**
 * The permutation p for which sum_i M[i][p(i)] is least, or most. With equal masses on both sides
 * and a square cost matrix the optimal transport plan is a permutation (Birkhoff), so this is
 * optimal transport too.
 *
 * @param matrix square
 * @returns p as [n]: row i goes with column p[i]
 */
export function assign({ rows, columns, data }: Matrix, goal: Goal): Int32Array {
  const lines = Array.from({ length: rows }, (_, row) => data.slice(row * columns, (row + 1) * columns));
  const { rowAssignments } = linearSumAssignment(lines, { maximaze: goal === 'most' });
  return Int32Array.from(rowAssignments);
}
