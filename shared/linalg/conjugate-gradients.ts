/**
 * @file Conjugate gradients with a preconditioner (M. R. Hestenes and E. Stiefel, J. Res. Natl.
 *   Bur. Stand. 49, 1952) for A X = B, A a linear map of matrices that is symmetric and positive
 *   semidefinite and known by what it does alone.
 */
import { addScaled, copyOf, frobeniusNorm, type Matrix } from './matrix.ts';

/** A, and something near A^-1. */
export interface PreconditionedMap {
  /** A X; does not keep or change X. */
  apply(x: Matrix): Promise<Matrix>;
  /** P^-1 R, with P symmetric and positive definite; may overwrite R. */
  precondition(r: Matrix): Promise<Matrix>;
}

/** When to stop. */
export interface GradientLimits {
  readonly iterations: number;
  /** ||B - A X|| / ||B|| */
  readonly tolerance: number;
}

/** A solution, and how near it is to being one. */
export interface GradientSolution {
  readonly x: Matrix;
  readonly iterations: number;
  /** ||B - A X|| / ||B|| as the iteration tells it; 0 for B = 0 */
  readonly relativeResidual: number;
}

/**
 * Solves A X = B. Where A does not determine X, it stays at the start.
 *
 * @param b in the range of A
 * @param start X_0, overwritten
 */
export async function conjugateGradients(
  { apply, precondition }: PreconditionedMap,
  b: Matrix,
  start: Matrix,
  limits: GradientLimits,
): Promise<GradientSolution> {
  const x = start;
  const residual = copyOf(b);
  addScaled(residual, -1, await apply(x));
  const scale = frobeniusNorm(b);
  const goal = limits.tolerance * scale;
  let norm = frobeniusNorm(residual);
  let iterations = 0;
  let direction: Matrix | undefined;
  let before = 0;
  while (norm > goal && iterations < limits.iterations) {
    const improved = await precondition(copyOf(residual));
    const product = dot(residual, improved);
    if (direction !== undefined) addScaled(improved, product / before, direction);
    direction = improved;
    before = product;
    const image = await apply(direction);
    const curvature = dot(direction, image);
    if (!(curvature > 0)) break;
    addScaled(x, product / curvature, direction);
    addScaled(residual, -product / curvature, image);
    norm = frobeniusNorm(residual);
    iterations++;
  }
  return { x, iterations, relativeResidual: scale === 0 ? 0 : norm / scale };
}

function dot({ data }: Matrix, other: Matrix): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += (data[i] as number) * (other.data[i] as number);
  return sum;
}
