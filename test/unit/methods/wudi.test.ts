/** @file WUDI-Merging, against its loss and Adam as they are written, in plain float64. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { frobeniusNorm, type Matrix } from '../../../shared/linalg/matrix.ts';
import type { Model } from '../../../shared/models/model-folder.ts';
import type { FloatTensor } from '../../../shared/tensor.ts';
import '../../support/allclose.ts';
import { type FineTunedModels, writeFineTunedModels } from '../../support/fine-tuned-models.ts';
import { quietContext } from '../../support/run-context.ts';
import { readWeights } from '../../support/tiny-model.ts';
import { naiveProduct, naiveTranspose } from '../linalg/naive.ts';

/** Wider than high, square, and higher than wide. */
const names = [
  'bert.encoder.layer.0.output.dense.weight',
  'bert.encoder.layer.0.attention.self.query.weight',
  'bert.encoder.layer.0.intermediate.dense.weight',
];

let root: string;
let tuned: FineTunedModels;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-wudi-'));
  tuned = await writeFineTunedModels(root, [0.01, 0.05, 0.02]);
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function merged(options: Partial<MergeOptions> = {}): Promise<ReadonlyMap<string, FloatTensor>> {
  const own = { method: 'wudi', base: tuned.baseFolder, out: join(root, 'fused') } as const;
  await mergeContributions(tuned.folders, { ...own, ...options }, quietContext);
  return readWeights(own.out);
}

function matrixOf({ weights }: Model, name: string): Matrix {
  const { shape, data } = weights.get(name) as FloatTensor;
  return { rows: shape[0] ?? 1, columns: shape[1] ?? 1, data: Float64Array.from(data) };
}

const zipped = (a: Matrix, b: Matrix, of: (x: number, y: number) => number): Matrix => ({
  ...a,
  data: a.data.map((value, at) => of(value, b.data[at] as number)),
});

/** The gradient of sum_i w_i / ||D_i||^2 ||(X - D_i) D_i^T||^2, term by term. */
function gradientAt(x: Matrix, changes: readonly Matrix[], weights: readonly number[]): Matrix {
  return changes
    .map((change, index): Matrix => {
      const disturbance = naiveProduct(
        zipped(x, change, (a, b) => a - b),
        naiveTranspose(change),
      );
      const factor = (2 * (weights[index] as number)) / frobeniusNorm(change) ** 2;
      const own = naiveProduct(disturbance, change);
      return { ...own, data: own.data.map((value) => factor * value) };
    })
    .reduce((sum, own) => zipped(sum, own, (a, b) => a + b));
}

/** torch.optim.Adam from sum_i w_i D_i. */
function expected(name: string, steps: number, rate: number, weights = [1, 1, 1]): FloatTensor {
  const origin = matrixOf(tuned.base, name);
  const changes = tuned.models.map((model) => zipped(matrixOf(model, name), origin, (a, b) => a - b));
  const x = changes
    .map((change, index) => zipped(change, change, (value) => (weights[index] as number) * value))
    .reduce((sum, own) => zipped(sum, own, (a, b) => a + b));
  const moments = x.data.map(() => 0);
  const squares = x.data.map(() => 0);
  for (let step = 1; step <= steps; step++) {
    for (const [i, slope] of gradientAt(x, changes, weights).data.entries()) {
      moments[i] = 0.9 * (moments[i] as number) + 0.1 * slope;
      squares[i] = 0.999 * (squares[i] as number) + 0.001 * slope ** 2;
      const mean = (moments[i] as number) / (1 - 0.9 ** step);
      const size = Math.sqrt((squares[i] as number) / (1 - 0.999 ** step));
      x.data[i] = (x.data[i] as number) - (rate * mean) / (size + 1e-8);
    }
  }
  const data = Float32Array.from(zipped(origin, x, (a, b) => a + b).data);
  return { shape: [origin.rows, origin.columns], data };
}

describe('WUDI-Merging', () => {
  it.each([
    ['as published', {}, [300, 1e-5, [1, 1, 1]]],
    ['with other steps', { wudiSteps: 20, wudiRate: 1e-3 }, [20, 1e-3, [1, 1, 1]]],
    ['with coefficients', { wudiSteps: 20, coefficients: [1, 2, 3] }, [20, 1e-5, [0.5, 1, 1.5]]],
  ] as const)('moves the sum of the changes by Adam, %s', async (_, options, [steps, rate, weights]) => {
    const weightsOf = await merged(options);
    for (const name of names) {
      const wanted = expected(name, steps, rate, [...weights]);
      expect(weightsOf.get(name)).toBeAllclose(wanted, { rtol: 1e-6, atol: 1e-8, name });
    }
  });

  it('goes to RegMean with covariances from weights, divided by their traces', async () => {
    const covariances = { covariance: 'weights', covarianceNormalize: 'trace', covarianceEps: 0 } as const;
    const goal = await merged({ method: 'regmean', ...covariances });
    const distance = async (wudiSteps: number): Promise<number> => {
      const own = await merged({ wudiSteps, wudiRate: 1e-3 });
      const name = names[2] as string;
      const [a, b] = [own.get(name)?.data ?? [], goal.get(name)?.data ?? []];
      return Math.hypot(...Array.from(a, (value, i) => value - (b[i] as number)));
    };
    const [first, last] = [await distance(0), await distance(3000)];
    expect(last).toBeLessThan(first / 10);
  });
});
