/** @file RegMean with both sides of every layer, against a dense Kronecker system. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import type { MergeReport } from '../../../merger/merge/merge-report.ts';
import { type Matrix, traceOf } from '../../../shared/linalg/matrix.ts';
import type { Model } from '../../../shared/models/model-folder.ts';
import type { FloatTensor } from '../../../shared/tensor.ts';
import '../../support/allclose.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { type FineTunedModels, writeFineTunedModels } from '../../support/fine-tuned-models.ts';
import { quietContext } from '../../support/run-context.ts';
import { readWeights } from '../../support/tiny-model.ts';
import {
  gramOf,
  naiveKroneckerSolve,
  naiveProduct,
  naiveShrunk,
  naiveTranspose,
  randomMatrix,
} from '../linalg/naive.ts';

const query = 'bert.encoder.layer.0.attention.self.query';
const name = `${query}.weight`;
/** Everything but the layer that is looked at. */
const average = [`^(?!${query})`];

let root: string;
let tuned: FineTunedModels;
/** The agents with Grams of the layer; the first input never occurs. */
let withGrams: readonly string[];
const grams: readonly Matrix[] = [1, 2, 3].map((seed) => {
  const x = randomMatrix(40, 16, seed);
  for (let row = 0; row < 40; row++) x.data[row * 16] = 0;
  const { rows, columns, data } = gramOf(x);
  return { rows, columns, data: data.map((value) => Math.fround(value / 40)) };
});

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-both-sides-'));
  tuned = await writeFineTunedModels(root, [0.01, 0.05, 0.02]);
  withGrams = await Promise.all(
    tuned.models.map(async ({ weights }, index) => {
      const config = JSON.parse(await readFile(join(tuned.folders[index] as string, 'config.json'), 'utf8'));
      return writeContributionFolder(join(root, `grams-${index}`), {
        tensors: [...weights].map(([each, { shape, data }]) => ({ name: each, shape, data })),
        grams: [{ name: query, shape: [16, 16], data: Float32Array.from(grams[index]?.data ?? []) }],
        config,
      });
    }),
  );
});
afterAll(() => rm(root, { recursive: true, force: true }));

const merge = (options: Partial<MergeOptions> = {}, folders = tuned.folders): Promise<MergeReport> => {
  const converged = { sidesIterations: 2000, sidesTolerance: 1e-12 };
  const own = { method: 'regmean', sides: 'both', base: tuned.baseFolder, average, ...converged } as const;
  return mergeContributions(folders, { ...own, out: join(root, 'fused'), ...options }, quietContext);
};
const merged = async (): Promise<FloatTensor> =>
  (await readWeights(join(root, 'fused'))).get(name) as FloatTensor;

const matrixOf = ({ weights }: Model): Matrix => {
  const { shape, data } = weights.get(name) as FloatTensor;
  return { rows: shape[0] ?? 1, columns: shape[1] ?? 1, data: Float64Array.from(data) };
};
const times = (matrix: Matrix, factor: number): Matrix => ({
  ...matrix,
  data: matrix.data.map((value) => factor * value),
});
const changes = (): readonly Matrix[] => {
  const origin = matrixOf(tuned.base);
  return tuned.models.map((model) => {
    const own = matrixOf(model);
    return { ...own, data: own.data.map((value, at) => value - (origin.data[at] as number)) };
  });
};

/** W_0 + X with (sum_i c_i H_i (x) G_i) vec(X) = sum_i c_i vec(H_i D_i G_i), vec by rows. */
function expected(
  sides: (change: Matrix, index: number) => { readonly h: Matrix; readonly g: Matrix },
  frozen: (column: number) => boolean = () => false,
): FloatTensor {
  const terms = changes().map((change, index) => ({ ...sides(change, index), x: change }));
  const { rows, columns, data } = naiveKroneckerSolve(terms, frozen);
  const origin = matrixOf(tuned.base);
  const values = Float32Array.from(data, (value, at) => value + (origin.data[at] as number));
  return { shape: [rows, columns], data: values };
}

const outputsOf = (change: Matrix): Matrix => naiveProduct(change, naiveTranspose(change));

describe('both sides', () => {
  it('with covariances from weights: the solution of the Kronecker system', async () => {
    await merge({ covariance: 'weights' });
    const formula = expected((change) => ({
      h: naiveShrunk(outputsOf(change), 0.1),
      g: naiveShrunk(gramOf(change), 0.1),
    }));
    expect(await merged()).toBeAllclose(formula, { rtol: 1e-6 });
  });

  it('with shares of the diagonals, divided by the traces, times coefficients', async () => {
    await merge({
      ...{ covariance: 'weights', covarianceEps: 0.5, outputsEps: 1, covarianceNormalize: 'trace' },
      coefficients: [1, 2, 3],
    });
    const byTrace = (change: Matrix, product: Matrix, eps: number): Matrix =>
      times(naiveShrunk(product, eps), 1 / traceOf(gramOf(change)));
    const formula = expected((change, index) => ({
      h: byTrace(change, outputsOf(change), 1),
      g: times(byTrace(change, gramOf(change), 0.5), index + 1),
    }));
    expect(await merged()).toBeAllclose(formula, { rtol: 1e-6 });
  });

  it('with Grams; inputs that never occurred keep the mean', async () => {
    const report = await merge({ covariance: 'grams', alpha: 0.5 }, withGrams);
    const shrink = (gram: Matrix): Matrix => ({
      ...gram,
      data: gram.data.map((value, at) => (at % 17 === 0 ? value : value / 2)),
    });
    const formula = expected(
      (change, index) => ({ h: naiveShrunk(outputsOf(change), 0.1), g: shrink(grams[index] as Matrix) }),
      (column) => column === 0,
    );
    expect(await merged()).toBeAllclose(formula, { rtol: 1e-6 });
    expect(report.groups).toMatchObject([{ name: query, layers: [query], deadInputs: 1 }]);
  });

  it('of one agent it is that agent', async () => {
    await merge({ covariance: 'weights' }, [tuned.folders[1] as string]);
    expect(await merged()).toBeAllclose(tuned.models[1]?.weights.get(name) as FloatTensor, { rtol: 1e-6 });
  });

  it('stops at the tolerance, or after the iterations, and reports how far it came', async () => {
    const [near] = (await merge({ covariance: 'weights', sidesTolerance: 1e-3 })).groups;
    expect(near?.relativeResidual).toBeLessThan(1e-3);
    expect(near?.refinements).toBeGreaterThan(1);
    const [early] = (await merge({ covariance: 'weights', sidesIterations: 1 })).groups;
    expect(early).toMatchObject({ refinements: 1 });
    expect(early?.relativeResidual).toBeGreaterThan(1e-3);
  });

  it('a layer that the base lacks is solved for by its inputs', async () => {
    const head = 'classifier';
    const folders = await Promise.all(
      tuned.models.map(async ({ weights }, index) => {
        const config = JSON.parse(
          await readFile(join(tuned.folders[index] as string, 'config.json'), 'utf8'),
        );
        return writeContributionFolder(join(root, `head-${index}`), {
          tensors: [...weights].map(([each, { shape, data }]) => ({ name: each, shape, data })),
          grams: [{ name: head, shape: [16, 16], data: Float32Array.from(grams[index]?.data ?? []) }],
          config,
        });
      }),
    );
    const only = { average: [`^(?!${head})`], covariance: 'grams' } as const;
    await merge(only, folders);
    const both = (await readWeights(join(root, 'fused'))).get('classifier.weight') as FloatTensor;
    await merge({ ...only, sides: 'inputs', sidesIterations: undefined, sidesTolerance: undefined }, folders);
    expect(both).toEqual((await readWeights(join(root, 'fused'))).get('classifier.weight'));
  });
});

describe('refusals', () => {
  it('both sides need the base', async () => {
    await expect(merge({ base: undefined }, withGrams)).rejects.toThrow(
      'method: regmean needs the base model, none is given',
    );
  });

  it('options of both sides are refused without them', async () => {
    const own = { sides: 'inputs', sidesIterations: undefined, sidesTolerance: undefined } as const;
    await expect(merge({ ...own, outputsEps: 0.2 })).rejects.toThrow(
      'outputs eps: needs sides both, got sides inputs',
    );
  });

  it('a weight that is not finite is refused by the agent’s name', async () => {
    const { weights } = tuned.models[1] as Model;
    const config = JSON.parse(await readFile(join(tuned.folders[1] as string, 'config.json'), 'utf8'));
    const broken = await writeContributionFolder(join(root, 'broken'), {
      tensors: [...weights].map(([each, { shape, data }]) => ({
        ...{ name: each, shape },
        data: each === name ? data.map((value, at) => (at === 3 ? Number.NaN : value)) : data,
      })),
      config,
    });
    const folders = [tuned.folders[0] as string, broken];
    await expect(merge({ covariance: 'weights' }, folders)).rejects.toThrow(
      `broken: parameter ${name} must be finite, is not`,
    );
  });
});
