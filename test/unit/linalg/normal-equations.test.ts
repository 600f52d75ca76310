import { afterAll, describe, expect, it } from 'vitest';
import { createGemm } from '../../../shared/linalg/gemm.ts';
import type { Matrix } from '../../../shared/linalg/matrix.ts';
import { denseLeftSide, type LeftSide, normalEquations } from '../../../shared/linalg/normal-equations.ts';
import { oneThread } from '../../support/run-context.ts';

const gemm = createGemm(oneThread);
afterAll(() => gemm.dispose());

const matrix = (rows: number, columns: number, ...values: number[]): Matrix => ({
  rows,
  columns,
  data: Float64Array.from(values),
});
const noStart = async (): Promise<Matrix> => matrix(2, 1, 0, 0);

describe('normal equations', () => {
  it('are the sums over contributions, of which one without a deviation adds its Gram alone', async () => {
    const equations = normalEquations(denseLeftSide(gemm, 2), 1);
    await equations.accumulate({ gram: matrix(2, 2, 3, 1, 1, 1), deviation: matrix(1, 2, 1, 2) });
    await equations.accumulate({ gram: matrix(2, 2, 1, 0, 0, 2) });
    expect([...equations.right.data]).toEqual([5, 3]);
    // (4 1; 1 3) x = (5, 3)
    const { x, jitter } = await equations.solve('layer', noStart);
    expect(x.data[0]).toBeCloseTo(12 / 11, 14);
    expect(x.data[1]).toBeCloseTo(7 / 11, 14);
    expect(jitter).toBe(0);
  });

  it('name the system that cannot be solved', async () => {
    const equations = normalEquations(denseLeftSide(gemm, 2), 1);
    await equations.accumulate({ gram: matrix(2, 2, -1, 0, 0, 1) });
    await expect(equations.solve('layer dense', noStart)).rejects.toThrow(
      'layer dense: diagonal must be finite and not negative, entry 0 is -1',
    );
  });

  it('take a left side in another form, such as diagonals', async () => {
    const equations = normalEquations(diagonalLeftSide(2), 1);
    await equations.accumulate({ gram: [2, 1], deviation: matrix(1, 2, 3, 4) });
    await equations.accumulate({ gram: [1, 3] });
    const { x } = await equations.solve('layer', noStart);
    expect([...x.data]).toEqual([2, 1]);
  });
});

function diagonalLeftSide(dimension: number): LeftSide<readonly number[]> {
  const sum = new Float64Array(dimension);
  return {
    dimension,
    add(gram) {
      for (const [i, value] of gram.entries()) sum[i] = (sum[i] as number) + value;
    },
    async multiply(gram, { data, rows }, right) {
      for (const [i, value] of gram.entries()) {
        for (let n = 0; n < rows; n++) {
          const at = i * rows + n;
          right.data[at] = (right.data[at] as number) + value * (data[n * dimension + i] as number);
        }
      }
    },
    async solve(_, right) {
      const data = right.data.map((value, at) => value / (sum[Math.floor(at / right.columns)] as number));
      const facts = { deadInputs: 0, jitter: 0, relativeResidual: 0, smallestPivot: 1, refinements: 0 };
      return { x: { ...right, data }, ...facts };
    },
  };
}
