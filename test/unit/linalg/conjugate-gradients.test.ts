import { describe, expect, it } from 'vitest';
import { conjugateGradients } from '../../../shared/linalg/conjugate-gradients.ts';
import { type Matrix, zeros } from '../../../shared/linalg/matrix.ts';
import '../../support/allclose.ts';
import { gramOf, naiveProduct, naiveSolve, randomMatrix, tensorOf } from './naive.ts';

const a = gramOf(randomMatrix(20, 8, 1));
const b = randomMatrix(8, 3, 2);
const mapOf = (matrix: Matrix) => ({
  apply: async (x: Matrix) => naiveProduct(matrix, x),
  precondition: async (r: Matrix) => r,
});
const limits = { iterations: 100, tolerance: 1e-13 };

describe('conjugate gradients', () => {
  it('come to the solution, from any start', async () => {
    for (const start of [zeros(8, 3), randomMatrix(8, 3, 3)]) {
      const { x, relativeResidual, iterations } = await conjugateGradients(mapOf(a), b, start, limits);
      expect(tensorOf(x)).toBeAllclose(tensorOf(naiveSolve(a, b)), { rtol: 1e-11 });
      expect(relativeResidual).toBeLessThan(1e-13);
      // One system of 24 unknowns with eight different values, each three times.
      expect(iterations).toBeLessThan(14);
    }
  });

  it('are there at once with the inverse as preconditioner', async () => {
    const map = { ...mapOf(a), precondition: async (r: Matrix) => naiveSolve(a, r) };
    expect((await conjugateGradients(map, b, zeros(8, 3), { ...limits, tolerance: 1e-9 })).iterations).toBe(
      1,
    );
  });

  it('stop after the iterations they are given, with the residual that is left', async () => {
    const { iterations, relativeResidual } = await conjugateGradients(mapOf(a), b, zeros(8, 3), {
      ...limits,
      iterations: 2,
    });
    expect(iterations).toBe(2);
    expect(relativeResidual).toBeGreaterThan(1e-3);
  });

  it('stay at the start where the map does not determine the solution', async () => {
    const singular = { rows: 2, columns: 2, data: Float64Array.of(2, 0, 0, 0) };
    const start = { rows: 2, columns: 1, data: Float64Array.of(5, 7) };
    const right = { rows: 2, columns: 1, data: Float64Array.of(6, 0) };
    const { x } = await conjugateGradients(mapOf(singular), right, start, limits);
    expect([...x.data]).toEqual([3, 7]);
  });

  it('of a right side of zeros and a start of zeros have nothing to do', async () => {
    const nothing = await conjugateGradients(mapOf(a), zeros(8, 3), zeros(8, 3), limits);
    expect(nothing).toMatchObject({ iterations: 0, relativeResidual: 0 });
  });
});
