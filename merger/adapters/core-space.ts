/**
 * @file The space that adapters have in common. Of every weight the factors of all agents are put
 *   together, and orthonormal bases of what their columns and rows span are taken from the singular
 *   vectors: with U [n, p] of (B_1 B_2 ..) and V [d, q] of (A_1; A_2; ..) every change is
 *
 *     B_i A_i = U M_i V^T,   M_i = (U^T B_i)(A_i V)   [p, q]
 *
 *   exactly (Panariello et al., 2025, https://arxiv.org/abs/2509.17786; Stoica et al., ICLR 2025,
 *   https://arxiv.org/abs/2410.19735, align adapters by the singular vectors of all changes). A
 *   method merges the small matrices M_i as it would merge changes of weights, and the result is
 *   U M V^T.
 */
import type { WeightFactors } from '../../shared/adapters/adapter-factors.ts';
import type { Gemm } from '../../shared/linalg/gemm.ts';
import { frobeniusNorm, type Matrix, scaleRows, transpose, zeros } from '../../shared/linalg/matrix.ts';
import { singularVectors } from '../../shared/linalg/singular-vectors.ts';

/** The changes of one weight in the space that they have in common. */
export interface CoreChanges {
  /** U^T [p, n]; rows beyond what the factors span are zero. */
  readonly left: Matrix;
  /** V^T [q, d], likewise. */
  readonly right: Matrix;
  /** M_i [p, q], one for each adapter. */
  readonly cores: readonly Matrix[];
}

/** [p, q] of the changes of one weight. */
export function coreShape(factors: readonly WeightFactors[]): readonly [number, number] {
  const rank = factors.reduce((sum, own) => sum + own.rank, 0);
  const [first] = factors;
  return [Math.min(rank, first?.outputs ?? 0), Math.min(rank, first?.inputs ?? 0)];
}

/**
 * Brings the changes of one weight into the space that they have in common.
 *
 * @param weight names it in errors
 * @throws RegmeanError `invalid-input` when a factor is not finite, naming it
 */
export async function coreChanges(
  gemm: Gemm,
  weight: string,
  factors: readonly WeightFactors[],
): Promise<CoreChanges> {
  const read = await Promise.all(factors.map((own) => own.read()));
  const [p, q] = coreShape(factors);
  const turned = read.map(({ b }) => transpose(b));
  const left = await basisOf(gemm, weight, turned, p);
  const right = await basisOf(
    gemm,
    weight,
    read.map(({ a }) => a),
    q,
  );
  const cores: Matrix[] = [];
  for (const [index, { a }] of read.entries()) {
    const b = turned[index] as Matrix;
    const ofLeft = zeros(p, b.rows);
    await gemm.accumulate(left, b, ofLeft, { transB: true });
    const ofRight = zeros(a.rows, q);
    await gemm.accumulate(a, right, ofRight, { transB: true });
    const core = zeros(p, q);
    await gemm.accumulate(ofLeft, ofRight, core);
    cores.push(core);
  }
  return { left, right, cores };
}

/** What float32 factors leave of an entry, relative to it. */
const float32Rounding = 2 ** -23;

/**
 * The singular vectors of rows that are put together; those whose values are rounding are zero.
 *
 * @param parts each [r_i, d]
 * @returns [size, d]
 */
async function basisOf(gemm: Gemm, weight: string, parts: readonly Matrix[], size: number): Promise<Matrix> {
  const columns = parts[0]?.columns ?? 0;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const stack = zeros(rows, columns);
  let at = 0;
  for (const { data } of parts) {
    stack.data.set(data, at);
    at += data.length;
  }
  const tolerance = float32Rounding * frobeniusNorm(stack);
  const { right } = await singularVectors(gemm, `factors of ${weight}`, stack, { tolerance });
  const basis = zeros(size, columns);
  basis.data.set(right.data);
  return basis;
}

/** Two factors of a change, and what they hold of it. */
export interface ChangeFactors {
  /** A [rank, d] */
  readonly a: Matrix;
  /** B [n, rank] */
  readonly b: Matrix;
  /** ||U M V^T||^2, and the part of it that B A has. */
  readonly squaredNorm: number;
  readonly keptNorm: number;
}

/**
 * Takes a merged change apart: the factors of given rank whose product is nearest to it, each with
 * the square roots of the singular values; zero beyond the rank of the change.
 *
 * @param merged M [p, q]
 */
export async function changeFactors(
  gemm: Gemm,
  weight: string,
  { left, right }: Pick<CoreChanges, 'left' | 'right'>,
  merged: Matrix,
  rank: number,
): Promise<ChangeFactors> {
  const found = await singularVectors(gemm, `merged change of ${weight}`, merged, { count: rank });
  const roots = found.values.map((value) => Math.sqrt(value));
  const a = zeros(rank, right.columns);
  const turned = zeros(rank, left.columns);
  for (const [vectors, basis, target] of [
    [found.right, right, a],
    [found.left, left, turned],
  ] as const) {
    const scaled: Matrix = { ...vectors, data: vectors.data.slice() };
    scaleRows(scaled, roots);
    const rows: Matrix = {
      ...target,
      rows: vectors.rows,
      data: target.data.subarray(0, vectors.rows * target.columns),
    };
    await gemm.accumulate(scaled, basis, rows);
  }
  return {
    a,
    b: transpose(turned),
    squaredNorm: frobeniusNorm(merged) ** 2,
    keptNorm: found.values.reduce((sum, value) => sum + value * value, 0),
  };
}
