/** @file RegMean whose covariances come from the change of the weights, against plain float64. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import type { MergeReport } from '../../../merger/merge/merge-report.ts';
import type { Matrix } from '../../../shared/linalg/matrix.ts';
import type { Model } from '../../../shared/models/model-folder.ts';
import type { FloatTensor } from '../../../shared/tensor.ts';
import '../../support/allclose.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { type FineTunedModels, writeFineTunedModels } from '../../support/fine-tuned-models.ts';
import { quietContext } from '../../support/run-context.ts';
import { readWeights } from '../../support/tiny-model.ts';
import { tensor } from '../../support/two-contributions.ts';
import { naiveProduct, naiveSolve, naiveTranspose } from '../linalg/naive.ts';

const layer = 'bert.encoder.layer.0.intermediate.dense';
const query = 'bert.encoder.layer.0.attention.self.query.weight';

let root: string;
let tuned: FineTunedModels;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-covariance-'));
  tuned = await writeFineTunedModels(root, [0.01, 0.05, 0.02]);
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function merge(options: Partial<MergeOptions> = {}): Promise<MergeReport> {
  const own = { method: 'regmean', covariance: 'weights', base: tuned.baseFolder } as const;
  return mergeContributions(tuned.folders, { ...own, out: join(root, 'fused'), ...options }, quietContext);
}

interface Covariance {
  readonly eps?: number;
  readonly centred?: boolean;
  readonly byTrace?: boolean;
  readonly coefficients?: readonly number[];
}

/** W = (sum c_i C_i)^-1 (sum c_i C_i W_i) as it is written, C_i of the changes D_i. */
function expected(name: string, { eps = 0.1, centred = false, byTrace = false, coefficients }: Covariance) {
  const origin = matrixOf(tuned.base, name);
  const d = origin.columns;
  const left = new Float64Array(d * d);
  const right = new Float64Array(d * origin.rows);
  for (const [index, model] of tuned.models.entries()) {
    const own = matrixOf(model, name);
    const change = own.data.map((value, at) => value - (origin.data[at] as number));
    const mean = (at: number): number => {
      let sum = 0;
      for (let row = 0; row < own.rows; row++) sum += change[row * d + (at % d)] as number;
      return sum / own.rows;
    };
    const rows = { ...own, data: centred ? change.map((value, at) => value - mean(at)) : change };
    const product = naiveProduct(naiveTranspose(rows), rows);
    let trace = 0;
    for (let i = 0; i < d; i++) trace += product.data[i * d + i] as number;
    const factor = (coefficients?.[index] ?? 1) / (byTrace ? trace : 1);
    const covariance = product.data.map(
      (value, at) => factor * (value + (at % (d + 1) === 0 ? (eps * trace) / d : 0)),
    );
    const weighted = naiveProduct({ rows: d, columns: d, data: covariance }, naiveTranspose(own));
    for (const [at, value] of covariance.entries()) left[at] = (left[at] as number) + value;
    for (const [at, value] of weighted.data.entries()) right[at] = (right[at] as number) + value;
  }
  const sums = [
    { rows: d, columns: d, data: left },
    { rows: d, columns: origin.rows, data: right },
  ] as const;
  const { rows, columns, data } = naiveTranspose(naiveSolve(...sums));
  return { shape: [rows, columns], data };
}

function matrixOf({ weights }: Model, name: string): Matrix {
  const { shape, data } = weights.get(name) as { shape: readonly number[]; data: Float32Array };
  return { rows: shape[0] ?? 1, columns: shape[1] ?? 1, data: Float64Array.from(data) };
}

const merged = async (name: string): Promise<FloatTensor> =>
  (await readWeights(join(root, 'fused'))).get(name) as FloatTensor;

describe('covariances from weights', () => {
  it.each([
    ['as they are', {}, {}],
    ['with a share of the diagonal', { covarianceEps: 0.5 }, { eps: 0.5 }],
    ['centred', { covarianceCentring: 'rows' }, { centred: true }],
    ['divided by their trace', { covarianceNormalize: 'trace' }, { byTrace: true }],
    ['times coefficients', { coefficients: [1, 2, 3] }, { coefficients: [1, 2, 3] }],
  ] as const)('%s: every layer of the base is solved for', async (_, options, formula) => {
    await merge(options);
    for (const name of [`${layer}.weight`, query]) {
      expect(await merged(name)).toBeAllclose(expected(name, formula), { rtol: 1e-6, name });
    }
  });

  it('needs no Grams, and reports layers that the base lacks as averaged', async () => {
    const report = await merge();
    expect(report.parameters.averagedLayers).toEqual([
      { layer: 'bert.pooler.dense', reason: 'the base has no such layer' },
      { layer: 'classifier', reason: 'the base has no such layer' },
    ]);
    expect(report.groups.map(({ layers }) => layers.length)).toEqual(new Array(6).fill(1));
    expect(report.options).toEqual({
      ...{ covariance: 'weights', covarianceEps: 0.1, covarianceCentring: 'none' },
      ...{ covarianceNormalize: 'none', sides: 'inputs', vectors: 'mean' },
    });
  });

  it('keeps a layer that nobody changed', async () => {
    const origin = tuned.base.weights.get(query) as FloatTensor;
    const folders: string[] = [];
    for (const [index, { weights }] of tuned.models.entries()) {
      const tensors = [...weights].map(([name, own]) => ({
        ...{ name, shape: own.shape, data: name === query ? origin.data : own.data },
      }));
      const config = JSON.parse(await readFile(join(tuned.folders[index] as string, 'config.json'), 'utf8'));
      folders.push(await writeContributionFolder(join(root, `still-${index}`), { tensors, config }));
    }
    const out = join(root, 'fused');
    const own = { method: 'regmean', covariance: 'weights', base: tuned.baseFolder } as const;
    await mergeContributions(folders, { ...own, out }, quietContext);
    expect(await merged(query)).toBeAllclose(origin, { rtol: 0 });
  });
});

describe('parameters of no linear layer', () => {
  const bias = `${layer}.bias`;
  const changes = (at: number): number[] =>
    tuned.models.map((model) => (model.weights.get(bias)?.data[at] ?? 0) - originOf(at));
  const originOf = (at: number): number => tuned.base.weights.get(bias)?.data[at] ?? 0;

  it('are weighed by how far each agent moved them', async () => {
    await merge({ vectors: 'squared-change' });
    const { data: values } = await merged(bias);
    for (const [at, value] of values.entries()) {
      const own = changes(at);
      const weights = own.map((change) => change * change);
      const sum = weights.reduce((total, weight) => total + weight, 0);
      const change = own.reduce((total, one, i) => total + one * (weights[i] as number), 0) / sum;
      expect(value).toBeCloseTo(originOf(at) + change, 6);
    }
  });

  it('are averaged where --average says so, or the base lacks them', async () => {
    await merge({ vectors: 'squared-change', average: ['intermediate'] });
    const { data: values } = await merged(bias);
    for (const [at, value] of values.entries()) {
      const mean = changes(at).reduce((total, one) => total + one, 0) / 3;
      expect(value).toBeCloseTo(originOf(at) + mean, 6);
    }
    const heads = tuned.models.map(({ weights }) => weights.get('classifier.bias')?.data[0] ?? 0);
    expect((await merged('classifier.bias')).data[0]).toBeCloseTo(
      (heads[0] as number) / 3 + ((heads[1] as number) + (heads[2] as number)) / 3,
      6,
    );
  });
});

describe('refusals', () => {
  it('a weight that is not finite is refused by the agent’s name', async () => {
    const folder = join(root, 'broken');
    const tensors = [...(tuned.models[1] as Model).weights].map(([name, { shape, data }]) => ({
      ...{
        name,
        shape,
        data: name === query ? data.map((value, at) => (at === 3 ? Number.NaN : value)) : data,
      },
    }));
    const config = JSON.parse(await readFile(join(tuned.folders[1] as string, 'config.json'), 'utf8'));
    await writeContributionFolder(folder, { tensors, config });
    const options = { method: 'regmean', covariance: 'weights', base: tuned.baseFolder } as const;
    await expect(
      mergeContributions(
        [tuned.folders[0] as string, folder],
        { ...options, out: join(root, 'x') },
        quietContext,
      ),
    ).rejects.toThrow(`broken: parameter ${query} must be finite, is not`);
  });

  it('a merge without a base says what it lacks', async () => {
    await expect(merge({ base: undefined })).rejects.toThrow(
      'method: regmean needs the base model, none is given',
    );
  });

  it.each([
    [{ alpha: 0.5 }, 'alpha: needs covariance grams, got covariance weights'],
    [{ ridge: 0.5 }, 'ridge: needs covariance grams, got covariance weights'],
    [{ gramScale: 'sum' }, 'gram scale: needs covariance grams, got covariance weights'],
    [
      { covariance: 'grams', covarianceEps: 1 },
      'covariance eps: needs covariance weights, got covariance grams',
    ],
  ] as const)('%o: an option of the other source is refused', async (options, message) => {
    await expect(merge(options)).rejects.toThrow(message);
  });

  it('a family that is not known says so', async () => {
    const folder = await writeContributionFolder(join(root, 'custom'), {
      tensors: [tensor('dense.weight', [1, 2], 3, 4)],
    });
    const options = { method: 'regmean', covariance: 'weights', base: folder, out: join(root, 'x') } as const;
    await expect(mergeContributions([folder], options, quietContext)).rejects.toThrow(
      'method: regmean needs to know which layers are linear, the model family custom is not known',
    );
  });
});
