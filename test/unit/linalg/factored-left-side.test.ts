import { afterAll, describe, expect, it } from 'vitest';
import { denseGram, diagonalBeside, type FactoredGram } from '../../../shared/linalg/factored-gram.ts';
import { factoredLeftSide } from '../../../shared/linalg/factored-left-side.ts';
import { createGemm } from '../../../shared/linalg/gemm.ts';
import { type Matrix, zeros } from '../../../shared/linalg/matrix.ts';
import { denseLeftSide, normalEquations } from '../../../shared/linalg/normal-equations.ts';
import type { SymmetricSolution } from '../../../shared/linalg/solve-symmetric.ts';
import { oneThread } from '../../support/run-context.ts';
import { randomMatrix } from './naive.ts';

const gemm = createGemm(oneThread);
afterAll(() => gemm.dispose());

const [size, outputs] = [60, 9];

/** Grams of very different scale, whose factor is so large a share of the diagonal. */
function gramsOf(share: number, rank: number, dead: readonly number[] = []): FactoredGram[] {
  return [1, 2, 3].map((seed) => {
    const factor = randomMatrix(rank, size, seed);
    const spread = randomMatrix(1, size, 10 + seed);
    const diagonal = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      const scale = dead.includes(i) ? 0 : 10 ** (2 * (spread.data[i] as number));
      for (let k = 0; k < rank; k++) {
        const at = k * size + i;
        factor.data[at] = (factor.data[at] as number) * scale;
        diagonal[i] = (diagonal[i] as number) + (factor.data[at] as number) ** 2 / share;
      }
    }
    return { factor, diagonal };
  });
}

async function bothWays(
  grams: readonly FactoredGram[],
): Promise<{ readonly factored: SymmetricSolution; readonly dense: SymmetricSolution }> {
  const deviations = grams.map((_, index) => randomMatrix(outputs, size, 20 + index));
  const start = async (): Promise<Matrix> => randomMatrix(size, outputs, 30);
  const factored = normalEquations(factoredLeftSide(gemm, size), outputs);
  const dense = normalEquations(denseLeftSide(gemm, size), outputs);
  for (const [index, gram] of grams.entries()) {
    const deviation = deviations[index];
    await factored.accumulate({ gram: { factor: gram.factor, rest: diagonalBeside(gram) }, deviation });
    await dense.accumulate({ gram: denseGram(gram), deviation });
  }
  return { factored: await factored.solve('layer', start), dense: await dense.solve('layer', start) };
}

function expectAlike({ x }: SymmetricSolution, other: SymmetricSolution, digits: number): void {
  for (const [at, value] of x.data.entries()) {
    const expected = other.x.data[at] as number;
    expect(value / Math.max(1, Math.abs(expected))).toBeCloseTo(
      expected / Math.max(1, Math.abs(expected)),
      digits,
    );
  }
}

describe('normal equations of factored Grams', () => {
  it('have the solution of the dense ones', async () => {
    const { factored, dense } = await bothWays(gramsOf(0.9, 5));
    expectAlike(factored, dense, 9);
    expect(factored.relativeResidual).toBeLessThan(1e-12);
    expect(factored).toMatchObject({ deadInputs: 0, jitter: 0 });
    expect(factored.smallestPivot).toBeCloseTo(0.1, 1);
  });

  it('are solved by diagonals alone where there is no factor', async () => {
    const { factored, dense } = await bothWays(
      gramsOf(0.9, 5).map(({ diagonal }) => ({ factor: zeros(0, size), diagonal })),
    );
    expectAlike(factored, dense, 12);
  });

  it('take the nearest solution for inputs that nobody read', async () => {
    const { factored, dense } = await bothWays(gramsOf(0.9, 5, [3, 11]));
    expect(factored.deadInputs).toBe(2);
    expectAlike(factored, dense, 9);
    const start = randomMatrix(size, outputs, 30);
    expect(factored.x.data[3 * outputs]).toBe(start.data[3 * outputs]);
  });

  it('are as accurate where little is left beside the factors', async () => {
    const { factored, dense } = await bothWays(gramsOf(1 - 1e-5, 5));
    expect(factored.relativeResidual).toBeLessThan(1e-10);
    expectAlike(factored, dense, 6);
  });

  it('are those of a dense sum where nothing is left beside factors, which is singular', async () => {
    const { factored, dense } = await bothWays(gramsOf(1, 5));
    expect(factored.jitter).toBeGreaterThan(0);
    expectAlike(factored, dense, 9);
  });
});
