/**
 * @file Solves A X = B for a sum of Gram matrices A, which is symmetric and positive semidefinite:
 *   often exactly singular, and with features of very different scale.
 *
 * 1. Inputs with a zero diagonal never occurred: their rows of A and B are zero, and their rows of
 *    X stay zero.
 * 2. The rest is scaled to a unit diagonal, S = D A D with D = diag(A)^-1/2, which nearly minimises
 *    the condition over all diagonal scalings (van der Sluis, Numer. Math. 14, 1969), and factored;
 *    iterative refinement then makes the solution that of A as it is stored, also where A is
 *    symmetric only up to float32 rounding.
 * 3. Where S is singular to working precision, A + delta I is factored instead. Refinement against
 *    A itself restores every direction in which A has real curvature; what then remains in
 *    directions without any, rounding noise divided by delta, is taken out by the filter X - F^2 X
 *    with F = delta (A + delta I)^-1, which is one on null vectors and tiny elsewhere. The result
 *    is the solution of least norm, A^+ B; or, with a start X0, the solution nearest to it, X0 +
 *    A^+ (B - A X0).
 */

import { RegmeanError } from '../errors.ts';
import { createRandom } from '../random.ts';
import { type CholeskyFactor, cholesky, NotPositiveDefiniteError, solveWithFactor } from './cholesky.ts';
import type { Gemm } from './gemm.ts';
import { addScaled, copyOf, frobeniusNorm, type Matrix, scaleRows, zeros } from './matrix.ts';

/** A solution and how it came about. */
export interface SymmetricSolution {
  /** X [d, n] */
  readonly x: Matrix;
  /** Inputs with a zero diagonal. */
  readonly deadInputs: number;
  /** delta relative to the largest diagonal entry of A; 0 when A was regular. */
  readonly jitter: number;
  /**
   * ||A X - B|| / ||B|| in Frobenius norms; 0 for B = 0. With many columns an estimate, good to
   * about a quarter.
   */
  readonly relativeResidual: number;
  /** The smallest pivot of the factor with unit diagonal: about the reciprocal of the condition. */
  readonly smallestPivot: number;
  /** Steps of iterative refinement that improved the solution. */
  readonly refinements: number;
}

const machineEpsilon = 2 ** -52;
const firstJitter = 1e-12;
const maxJitter = 1e-2;
/**
 * A jitter that just made the factorization succeed is as large as the rounding noise; go clear of
 * it.
 */
const jitterMargin = 10;
const maxRefinements = 50;
const sketchColumns = 32;
const sketchSeed = 1;
/**
 * Refinement stops when a step leaves more of the residual than this: the rest is rounding noise.
 */
const worthwhileReduction = 0.8;
/**
 * Refinement goes on until residual / smallest pivot, an estimate of the error of X, is below this.
 */
const wantedError = 1e-12;

/**
 * Solves A X = B.
 *
 * @param matrix names A in errors
 * @param a [d, d] symmetric up to rounding, overwritten
 * @param b [d, n] in the range of A, overwritten
 * @param nearest X0 [d, n]: where A does not determine X, the solution is the one nearest to X0 in
 *   the Frobenius norm; called only then. Zero when left out.
 * @throws RegmeanError `numerical` when A has a negative diagonal entry, is not finite, or is far
 *   from semidefinite
 */
export async function solveSymmetric(
  gemm: Gemm,
  matrix: string,
  a: Matrix,
  b: Matrix,
  nearest?: () => Promise<Matrix>,
): Promise<SymmetricSolution> {
  const normOfB = frobeniusNorm(b);
  const { scale, inverseScale, deadInputs, largest } = equilibrate(matrix, a);
  const { factor, jitter, jitters } = await factorWithJitter(gemm, matrix, a, scale, largest);
  scaleRows(b, scale);
  const start = deadInputs > 0 || jitter > 0 ? await nearest?.() : undefined;
  if (start !== undefined) {
    const scaledStart = copyOf(start);
    scaleRows(scaledStart, inverseScale);
    await gemm.accumulate(a, scaledStart, b, { alpha: -1 });
  }
  const { x, refinements } = await refine(gemm, factor, a, b);
  if (jitters !== undefined) await removeNullSpace(gemm, factor, jitters, x);
  const residual = await residualSketch(gemm, a, x, b);
  const relativeResidual = normOfB === 0 ? 0 : frobeniusNorm(residual, inverseScale) / normOfB;
  scaleRows(x, scale);
  if (start !== undefined) addScaled(x, 1, start);
  return { x, deadInputs, jitter, relativeResidual, smallestPivot: factor.smallestPivot, refinements };
}

/**
 * A <- D A D in place, with D = diag(A)^-1/2 and 0 for dead inputs, which get a 1 on the diagonal.
 */
function equilibrate(
  matrix: string,
  a: Matrix,
): { scale: Float64Array; inverseScale: Float64Array; deadInputs: number; largest: number } {
  const size = a.rows;
  const scale = new Float64Array(size);
  const inverseScale = new Float64Array(size);
  let deadInputs = 0;
  let largest = 0;
  for (let i = 0; i < size; i++) {
    const diagonal = a.data[i * size + i] as number;
    if (!(diagonal >= 0 && Number.isFinite(diagonal))) {
      const rule = 'diagonal must be finite and not negative';
      throw new RegmeanError('numerical', `${matrix}: ${rule}, entry ${i} is ${diagonal}`);
    }
    largest = Math.max(largest, diagonal);
    inverseScale[i] = Math.sqrt(diagonal);
    if (diagonal === 0) deadInputs++;
    else scale[i] = 1 / Math.sqrt(diagonal);
  }
  for (let row = 0; row < size; row++) {
    const rowScale = scale[row] as number;
    for (let column = 0; column < size; column++) {
      const i = row * size + column;
      a.data[i] = (a.data[i] as number) * rowScale * (scale[column] as number);
    }
    a.data[row * size + row] = 1;
  }
  return { scale, inverseScale, deadInputs, largest };
}

async function factorWithJitter(
  gemm: Gemm,
  matrix: string,
  a: Matrix,
  scale: Float64Array,
  largest: number,
): Promise<{ factor: CholeskyFactor; jitter: number; jitters: Float64Array | undefined }> {
  const minPivot = a.rows * machineEpsilon;
  const regular = await tryCholesky(gemm, matrix, a, minPivot);
  if (regular !== undefined) return { factor: regular, jitter: 0, jitters: undefined };
  for (let probe = firstJitter; probe <= maxJitter; probe *= 10) {
    if ((await tryCholesky(gemm, matrix, withJitter(a, scale, largest, probe).a, minPivot)) === undefined)
      continue;
    const jitter = probe * jitterMargin;
    const jittered = withJitter(a, scale, largest, jitter);
    return { factor: await cholesky(gemm, matrix, jittered.a), jitter, jitters: jittered.jitters };
  }
  throw new RegmeanError('numerical', `${matrix}: must be positive semidefinite up to rounding, is not`, {
    hint: 'a Gram matrix X^T X cannot be like this: compute the statistics again',
  });
}

async function tryCholesky(
  gemm: Gemm,
  matrix: string,
  a: Matrix,
  minPivot: number,
): Promise<CholeskyFactor | undefined> {
  try {
    return await cholesky(gemm, matrix, a, minPivot);
  } catch (error) {
    if (error instanceof NotPositiveDefiniteError) return undefined;
    throw error;
  }
}

/**
 * S + D (delta I) D, with delta = jitter times the largest diagonal entry of A; `jitters` is what
 * was added.
 */
function withJitter(
  a: Matrix,
  scale: Float64Array,
  largest: number,
  jitter: number,
): { a: Matrix; jitters: Float64Array } {
  const jittered = copyOf(a);
  const jitters = scale.map((factor) => jitter * largest * factor * factor);
  for (const [i, added] of jitters.entries()) {
    const diagonal = i * a.columns + i;
    jittered.data[diagonal] = (jittered.data[diagonal] as number) + added;
  }
  return { a: jittered, jitters };
}

/**
 * Solves with the factor, and again for what is left of B, as long as that reduces the residual
 * enough.
 */
async function refine(
  gemm: Gemm,
  factor: CholeskyFactor,
  a: Matrix,
  b: Matrix,
): Promise<{ x: Matrix; refinements: number }> {
  let x = copyOf(b);
  await solveWithFactor(gemm, factor, x);
  const goal = wantedError * factor.smallestPivot * frobeniusNorm(b);
  if (frobeniusNorm(await residualSketch(gemm, a, x, b)) <= goal) return { x, refinements: 0 };
  let residual = await residualOf(gemm, a, x, b);
  let norm = frobeniusNorm(residual);
  let refinements = 0;
  while (norm > goal && refinements < maxRefinements) {
    const refined = copyOf(residual);
    await solveWithFactor(gemm, factor, refined);
    addScaled(refined, 1, x);
    const refinedResidual = await residualOf(gemm, a, refined, b);
    const refinedNorm = frobeniusNorm(refinedResidual);
    const worthwhile = refinedNorm <= norm * worthwhileReduction;
    if (refinedNorm < norm) {
      x = refined;
      residual = refinedResidual;
      norm = refinedNorm;
      refinements++;
    }
    if (!worthwhile) break;
  }
  return { x, refinements };
}

/** X <- X - F^2 X with F = (S + J)^-1 J, J the added diagonal. */
async function removeNullSpace(
  gemm: Gemm,
  factor: CholeskyFactor,
  jitters: Float64Array,
  x: Matrix,
): Promise<void> {
  const nullPart = copyOf(x);
  for (let power = 0; power < 2; power++) {
    scaleRows(nullPart, jitters);
    await solveWithFactor(gemm, factor, nullPart);
  }
  addScaled(x, -1, nullPart);
}

/** B - A X */
async function residualOf(gemm: Gemm, a: Matrix, x: Matrix, b: Matrix): Promise<Matrix> {
  const residual = copyOf(b);
  await gemm.accumulate(a, x, residual, { alpha: -1 });
  return residual;
}

/**
 * A matrix with the Frobenius norm of B - A X in expectation, at a fraction of its cost: (B - A X)
 * Omega / sqrt(k), Omega [n, k] of random signs (M. F. Hutchinson, Commun. Stat. Simul. 19, 1990).
 * Exact for few columns.
 */
async function residualSketch(gemm: Gemm, a: Matrix, x: Matrix, b: Matrix): Promise<Matrix> {
  if (b.columns <= sketchColumns) return residualOf(gemm, a, x, b);
  const random = createRandom(sketchSeed);
  const signs = zeros(b.columns, sketchColumns);
  const size = 1 / Math.sqrt(sketchColumns);
  for (let i = 0; i < signs.data.length; i++) signs.data[i] = random() < 0.5 ? -size : size;
  const xSigns = zeros(x.rows, sketchColumns);
  const bSigns = zeros(b.rows, sketchColumns);
  await gemm.accumulate(x, signs, xSigns);
  await gemm.accumulate(b, signs, bSigns);
  return residualOf(gemm, a, xSigns, bSigns);
}
