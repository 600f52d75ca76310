/**
 * @file Methods that look at the singular values of layers' changes, against the papers' formulas
 *   in plain float64 with a Jacobi decomposition.
 */
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
import { naiveSvd } from '../linalg/naive.ts';

/** Wider than high, square, and higher than wide. */
const weights = [
  'bert.encoder.layer.0.output.dense.weight',
  'bert.encoder.layer.0.attention.self.query.weight',
  'bert.encoder.layer.0.intermediate.dense.weight',
];
const query = weights[1] as string;

let root: string;
let tuned: FineTunedModels;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-spectra-'));
  tuned = await writeFineTunedModels(root, [0.01, 0.05, 0.02]);
});
afterAll(() => rm(root, { recursive: true, force: true }));

type Options = Partial<MergeOptions> & Pick<MergeOptions, 'method'>;

const merge = (options: Options, folders = tuned.folders): Promise<MergeReport> =>
  mergeContributions(folders, { base: tuned.baseFolder, out: join(root, 'fused'), ...options }, quietContext);

const merged = async (name: string): Promise<FloatTensor> =>
  (await readWeights(join(root, 'fused'))).get(name) as FloatTensor;

// The papers' formulas. A matrix is an array of columns.

type Columns = readonly (readonly number[])[];

/** A sum of s_k u_k v_k^T, by its vectors. */
interface Triples {
  readonly s: readonly number[];
  readonly u: Columns;
  readonly v: Columns;
}

const toMatrix = (columns: Columns): Matrix => {
  const rows = columns[0]?.length ?? 0;
  const data = new Float64Array(rows * columns.length);
  for (const [j, column] of columns.entries()) {
    for (const [i, value] of column.entries()) data[i * columns.length + j] = value;
  }
  return { rows, columns: columns.length, data };
};
const toColumns = ({ rows, columns, data }: Matrix): Columns =>
  Array.from({ length: columns }, (_, j) =>
    Array.from({ length: rows }, (__, i) => data[i * columns + j] as number),
  );

/** The singular triples that are no rounding noise of float32. */
function svd(columns: Columns): Triples {
  const { values, left, right } = naiveSvd(toMatrix(columns));
  const kept = values.flatMap((value, k) => (value > 1e-6 * (values[0] as number) ? [k] : []));
  const of = (vectors: readonly Float64Array[]): Columns =>
    kept.map((k) => [...(vectors[k] as Float64Array)]);
  return { s: kept.map((k) => values[k] as number), u: of(left), v: of(right) };
}

const first = ({ s, u, v }: Triples, count: number): Triples => ({
  ...{ s: s.slice(0, count), u: u.slice(0, count), v: v.slice(0, count) },
});

/** sum_k s_k u_k v_k^T */
const compose = ({ s, u, v }: Triples): Columns =>
  (v[0] as readonly number[]).map((_, j) =>
    (u[0] as readonly number[]).map((__, i) =>
      s.reduce((sum, value, k) => sum + value * (u[k]?.[i] ?? 0) * (v[k]?.[j] ?? 0), 0),
    ),
  );

/** The nearest matrix with orthonormal columns. */
const orthogonal = (columns: Columns): Columns => {
  const own = svd(columns);
  return compose({ ...own, s: own.s.map(() => 1) });
};

const together = (all: readonly Triples[]): Triples => ({
  ...{ s: all.flatMap(({ s }) => s), u: all.flatMap(({ u }) => u), v: all.flatMap(({ v }) => v) },
});

const plus = (left: Columns, right: Columns, factor = 1): Columns =>
  left.map((column, j) => column.map((value, i) => value + factor * (right[j]?.[i] ?? 0)));

const times = (columns: Columns, factor: number): Columns =>
  columns.map((column) => column.map((value) => factor * value));

const sumOf = (all: readonly Columns[]): Columns => all.reduce((left, right) => plus(left, right));

/** mean(S) of all min(n, d) values. */
const meanOf = (s: readonly number[], like: Columns): number =>
  s.reduce((sum, value) => sum + value, 0) / Math.min(like.length, like[0]?.length ?? 0);

function isoC(changes: readonly Columns[]): Columns {
  const sum = svd(sumOf(changes));
  const mean = meanOf(sum.s, changes[0] as Columns);
  return compose({ ...sum, s: sum.s.map(() => mean) });
}

function isoCts(changes: readonly Columns[], common: number, own: number): Columns {
  const sum = first(svd(sumOf(changes)), common);
  const shared = { ...sum, s: sum.s.map(() => 1), v: sum.u };
  const projector = common === 0 ? undefined : compose(shared);
  const outside = (change: Columns): Columns =>
    change.map((column) =>
      column.map(
        (value, i) =>
          value -
          (projector ?? []).reduce((total, one, at) => total + (one[i] ?? 0) * (column[at] as number), 0),
      ),
    );
  const all = together([sum, ...changes.map((change) => first(svd(outside(change)), own))]);
  const mean = meanOf(all.s, changes[0] as Columns);
  return compose({ s: all.s.map(() => mean), u: orthogonal(all.u), v: orthogonal(all.v) });
}

function tsvMerge(changes: readonly Columns[], kept: number): Columns {
  const { s, u, v } = together(changes.map((change) => first(svd(change), kept)));
  return compose({ s, u: orthogonal(u), v: orthogonal(v) });
}

const matrixOf = ({ weights: own }: Pick<Model, 'weights'>, name: string): Columns => {
  const { shape, data } = own.get(name) as FloatTensor;
  return toColumns({ rows: shape[0] ?? 1, columns: shape[1] ?? 1, data: Float64Array.from(data) });
};

const changesOf = (name: string, factors: readonly number[] = [1, 1, 1]): readonly Columns[] =>
  tuned.models.map((model, index) =>
    times(plus(matrixOf(model, name), matrixOf(tuned.base, name), -1), factors[index] as number),
  );

async function expectChange(name: string, change: Columns, scale = 1): Promise<void> {
  const { rows, columns, data } = toMatrix(plus(matrixOf(tuned.base, name), change, scale));
  expect(await merged(name)).toBeAllclose({ shape: [rows, columns], data }, { rtol: 1e-6, name });
}

const sizeOf = (name: string): number => Math.min(...(tuned.base.weights.get(name)?.shape ?? []));

describe('Iso-C', () => {
  it('gives every singular value of the sum of changes their mean', async () => {
    await merge({ method: 'iso-c' });
    for (const name of weights) await expectChange(name, isoC(changesOf(name)));
  });

  it('weighs agents by coefficients relative to their mean, and has its factor as the scale', async () => {
    await merge({ method: 'iso-c', coefficients: [1, 2, 3], scale: 0.5 });
    for (const name of weights) await expectChange(name, isoC(changesOf(name, [0.5, 1, 1.5])), 0.5);
  });
});

describe('Iso-CTS', () => {
  it('gives the last of the common singular vectors to the agents’ own', async () => {
    await merge({ method: 'iso-cts', commonShare: 0.5 });
    for (const name of weights) {
      const own = Math.round((sizeOf(name) - Math.floor(sizeOf(name) / 2)) / 3);
      expect(own).toBeGreaterThan(0);
      await expectChange(name, isoCts(changesOf(name), sizeOf(name) - 3 * own, own));
    }
  });

  it('weighs agents by coefficients relative to their mean', async () => {
    await merge({ method: 'iso-cts', commonShare: 0, coefficients: [1, 2, 3] });
    for (const name of weights) {
      const own = Math.floor(sizeOf(name) / 3);
      await expectChange(name, isoCts(changesOf(name, [0.5, 1, 1.5]), sizeOf(name) - 3 * own, own));
    }
  });

  it('with nothing of their own it is Iso-C', async () => {
    await merge({ method: 'iso-cts', commonShare: 1 });
    for (const name of weights) await expectChange(name, isoC(changesOf(name)));
  });
});

describe('TSV-Merge', () => {
  it('makes the first singular vectors of all agents orthogonal', async () => {
    await merge({ method: 'tsv-merge' });
    for (const name of weights)
      await expectChange(name, tsvMerge(changesOf(name), Math.floor(sizeOf(name) / 3)));
  });

  it('keeps as many of each as is asked for, also more than there is room for', async () => {
    for (const [rankShare, coefficients, factors] of [
      [0.25, [1, 2, 3], [0.5, 1, 1.5]],
      [1, [1, 1, 1], [1, 1, 1]],
    ] as const) {
      await merge({ method: 'tsv-merge', rankShare, coefficients });
      for (const name of weights) {
        await expectChange(name, tsvMerge(changesOf(name, factors), Math.floor(sizeOf(name) * rankShare)));
      }
    }
  });
});

const methods = ['iso-c', 'iso-cts', 'tsv-merge'] as const;

/** Copies of the agents with another weight. */
async function withWeight(
  name: string,
  of: (index: number) => readonly number[],
): Promise<readonly string[]> {
  return Promise.all(
    tuned.models.map(async ({ weights: own }, index) => {
      const tensors = [...own].map(([each, { shape, data }]) => ({
        ...{ name: each, shape, data: each === name ? Float32Array.from(of(index)) : data },
      }));
      const config = JSON.parse(await readFile(join(tuned.folders[index] as string, 'config.json'), 'utf8'));
      return writeContributionFolder(join(root, `changed-${index}`), { tensors, config });
    }),
  );
}

describe.each(methods)('%s', (method) => {
  it('needs the base, and averages and reports layers that it lacks', async () => {
    await expect(merge({ method, base: undefined })).rejects.toThrow(
      `method: ${method} needs the base model, none is given`,
    );
    const report = await merge({ method, average: ['layer\\.0\\.attention\\.self\\.key'] });
    expect(report.parameters.averagedLayers.map(({ layer, reason }) => `${layer}: ${reason}`)).toEqual([
      'bert.encoder.layer.0.attention.self.key: averaged as asked',
      'bert.pooler.dense: the base has no such layer',
      'classifier: the base has no such layer',
    ]);
  });

  it('averages all that is no linear layer, or weighs it by squared changes', async () => {
    const bias = 'bert.encoder.layer.0.intermediate.dense.bias';
    const own = tuned.models.map((model) => model.weights.get(bias)?.data[0] ?? 0);
    const from = tuned.base.weights.get(bias)?.data[0] ?? 0;
    await merge({ method });
    expect((await merged(bias)).data[0]).toBeCloseTo(own.reduce((sum, value) => sum + value, 0) / 3, 6);
    await merge({ method, vectors: 'squared-change' });
    const [cubes, squares] = [3, 2].map((power) =>
      own.reduce((sum, value) => sum + (value - from) ** power, 0),
    );
    expect((await merged(bias)).data[0]).toBeCloseTo(from + (cubes ?? 0) / (squares ?? 1), 6);
  });

  it('keeps a layer that nobody changed, up to the rounding of the weights', async () => {
    const origin = tuned.base.weights.get(query) as FloatTensor;
    const nudge = (value: number, at: number, index: number): number =>
      value * (1 + ((at * 7 + index * 3) % 5 === 0 ? 2 ** -24 : 0));
    await merge(
      { method },
      await withWeight(query, (index) => [...origin.data].map((value, at) => nudge(value, at, index))),
    );
    expect(await merged(query)).toBeAllclose(origin, { rtol: 1e-7 });
  });

  it('changes of rank one stay within their directions', async () => {
    const { data, shape } = tuned.base.weights.get(query) as FloatTensor;
    const width = shape[1] ?? 1;
    // One direction of outputs and inputs for each agent: row and column `index`.
    const changed = (index: number): readonly number[] =>
      [...data].map((value, at) => value + (at === index * width + index ? 0.5 : 0));
    await merge({ method }, await withWeight(query, changed));
    const after = await merged(query);
    for (const [at, value] of after.data.entries()) {
      const expected =
        at % (width + 1) === 0 && at < 3 * width ? (method === 'tsv-merge' ? 0.5 : 1.5 / width) : 0;
      expect(value - (data[at] as number)).toBeCloseTo(expected, 6);
    }
  });

  it('refuses a weight that is not finite by the agent’s name, and of the base by its path', async () => {
    const folders = await withWeight(query, (index) =>
      [...(tuned.models[index]?.weights.get(query)?.data ?? [])].map((value, at) =>
        index === 1 && at === 3 ? Number.NaN : value,
      ),
    );
    await expect(merge({ method }, folders)).rejects.toThrow(
      `changed-1: parameter ${query} must be finite, is not`,
    );
    await expect(merge({ method, base: folders[1] as string })).rejects.toThrow(
      new RegExp(`changed-1.*: parameter ${query} must be finite, is not`),
    );
  });

  it('says that a family is not known', async () => {
    const folder = await writeContributionFolder(join(root, 'custom'), {
      tensors: [tensor('dense.weight', [1, 2], 3, 4)],
    });
    await expect(merge({ method, base: folder }, [folder])).rejects.toThrow(
      `method: ${method} needs to know which layers are linear, the model family custom is not known`,
    );
  });
});
