/** @file Merged normalisation layers, against dense least squares of the rows themselves. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { needsOf } from '../../../merger/methods/merge-keys.ts';
import { type NormScale, normSteps } from '../../../merger/methods/solved-norms.ts';
import { openContribution } from '../../../shared/contribution/open-contribution.ts';
import { type NormSums, writeNorms } from '../../../shared/contribution/write-norms.ts';
import { createGemm, type Gemm } from '../../../shared/linalg/gemm.ts';
import { zeros } from '../../../shared/linalg/matrix.ts';
import { createRandom, normal } from '../../../shared/random.ts';
import '../../support/allclose.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { type FineTunedModels, writeFineTunedModels } from '../../support/fine-tuned-models.ts';
import { oneThread, quietContext } from '../../support/run-context.ts';
import { readWeights, tinyConfig } from '../../support/tiny-model.ts';
import { naiveSvd } from '../linalg/naive.ts';

let root: string;
let gemm: Gemm;
beforeAll(() => {
  gemm = createGemm(oneThread);
});
afterAll(() => gemm.dispose());
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-solved-norms-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** One agent's layer of one feature: what it makes of x^, and its rows of x^. */
interface Agent {
  readonly gamma: number;
  readonly beta: number;
  readonly rows: readonly number[];
}

/** (gamma, beta) of the layer that is merged from agents, in float64. */
async function merged(
  agents: readonly Agent[],
  coefficients: readonly number[],
  { scale = 'mean', hasShift = true }: { scale?: NormScale; hasShift?: boolean } = {},
): Promise<readonly number[]> {
  const parameters = hasShift ? ['norm.weight', 'norm.bias'] : ['norm.weight'];
  const contributions = await Promise.all(
    agents.map(async ({ gamma, beta, rows }, index) => {
      const folder = await writeContributionFolder(join(root, `agent-${index}`), {
        tensors: parameters.map((name, at) => ({
          ...{ name, shape: [1] },
          data: Float64Array.of(at === 0 ? gamma : beta),
        })),
      });
      const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
      const sums = Float64Array.of(sum(rows), sum(rows.map((x) => x * x)));
      const [weight = '', shift = null] = parameters;
      await writeNorms(join(folder, 'norms.safetensors'), [
        { scale: weight, shift, rows: rows.length, sums },
      ]);
      return openContribution(folder);
    }),
  );
  const inputs = {
    ...{ contributions, coefficients, parameters, allParameters: parameters, gemm },
    ...{ layers: null, base: undefined, isAveraged: () => false },
  };
  const values = new Map<string, number>();
  for (const step of normSteps(inputs, scale)) {
    await step.run({
      write: async (parameter, data) => {
        values.set(parameter, data[0] as number);
      },
    });
  }
  for (const contribution of contributions) await contribution.close();
  return parameters.map((parameter) => values.get(parameter) ?? Number.NaN);
}

/**
 * Of all (gamma, beta) with the least sum_i c_i mean((gamma - gamma_i) x^ + beta - beta_i)^2 the
 * one nearest to the mean of the agents', by the singular value decomposition of the rows.
 */
function leastSquares(
  agents: readonly Agent[],
  coefficients: readonly number[],
  { scale = 'mean', hasShift = true }: { scale?: NormScale; hasShift?: boolean } = {},
): readonly number[] {
  const mean = (of: (agent: Agent) => number): number =>
    agents.reduce((sum, agent, index) => sum + (coefficients[index] as number) * of(agent), 0);
  const start = [mean(({ gamma }) => gamma), mean(({ beta }) => beta)] as const;
  const equations = agents.flatMap(({ gamma, beta, rows }, index) => {
    const weight = Math.sqrt((coefficients[index] as number) / (scale === 'mean' ? rows.length : 1));
    return rows.map((x) => ({
      left: hasShift ? [weight * x, weight] : [weight * x],
      right: weight * ((gamma - start[0]) * x + (hasShift ? beta - start[1] : 0)),
    }));
  });
  const columns = hasShift ? 2 : 1;
  const matrix = zeros(equations.length, columns);
  for (const [row, { left }] of equations.entries()) matrix.data.set(left, row * columns);
  const { values, left, right } = naiveSvd(matrix);
  const solution: number[] = start.slice(0, columns);
  for (const [at, value] of values.entries()) {
    if (!(value > 1e-9 * (values[0] as number))) continue;
    const along = equations.reduce((sum, own, row) => sum + (left[at]?.[row] as number) * own.right, 0);
    for (let k = 0; k < columns; k++)
      solution[k] = (solution[k] as number) + ((right[at]?.[k] as number) * along) / value;
  }
  return solution;
}

const expectClose = (got: readonly number[], wanted: readonly number[], digits = 9): void => {
  expect(got.length).toBe(wanted.length);
  for (const [at, value] of got.entries()) expect(value).toBeCloseTo(wanted[at] as number, digits);
};

const random = createRandom(3);
const rowsOf = (count: number, mean: number, deviation: number): number[] =>
  Array.from({ length: count }, () => mean + deviation * normal(random));
const agents: readonly Agent[] = [
  { gamma: 1.2, beta: -0.3, rows: rowsOf(40, 0.4, 1) },
  { gamma: 0.7, beta: 0.5, rows: rowsOf(11, -1.5, 0.2) },
  { gamma: 0.9, beta: 0.1, rows: rowsOf(25, 0, 2) },
];
const coefficients = [0.5, 0.2, 0.3];

describe('a normalisation layer that is solved for', () => {
  it.each([
    ['a shift', {}],
    ['a shift, agents by their rows', { scale: 'sum' }],
    ['no shift', { hasShift: false }],
    ['no shift, agents by their rows', { hasShift: false, scale: 'sum' }],
  ] as const)('is the least squares solution of the rows themselves: %s', async (_, kind) => {
    expectClose(await merged(agents, coefficients, kind), leastSquares(agents, coefficients, kind));
  });

  it('without a shift has the mean of scales weighed by mean squares of inputs', async () => {
    const squares = agents.map(({ rows }) => rows.reduce((sum, x) => sum + x * x, 0) / rows.length);
    const weighed = (of: (agent: Agent) => number): number =>
      agents.reduce(
        (sum, agent, i) => sum + (coefficients[i] as number) * (squares[i] as number) * of(agent),
        0,
      );
    expectClose(await merged(agents, coefficients, { hasShift: false }), [
      weighed(({ gamma }) => gamma) / weighed(() => 1),
    ]);
  });

  it('has the mean of shifts beside that where inputs have no mean', async () => {
    const centred = agents.map((agent) => ({
      ...agent,
      rows: [...agent.rows, ...agent.rows.map((x) => -x)],
    }));
    const [scale] = await merged(centred, coefficients, { hasShift: false });
    const shift = centred.reduce((sum, { beta }, index) => sum + (coefficients[index] as number) * beta, 0);
    expectClose(await merged(centred, coefficients), [scale as number, shift]);
  });

  it.each([
    ['x^ is zero', [0, 0, 0]],
    ['x^ is the same in all rows', [0.5, 0.5, 0.5]],
    ['x^ is the same and negative', [-2, -2, -2]],
  ])('keeps to the mean where no data tells of a direction: %s', async (_, values) => {
    const flat = agents.map((agent, i) => ({ ...agent, rows: agent.rows.map(() => values[i] as number) }));
    for (const kind of [{}, { hasShift: false }]) {
      expectClose(await merged(flat, coefficients, kind), leastSquares(flat, coefficients, kind));
    }
  });

  it('is the mean where nobody has rows, and leaves out who has none', async () => {
    const none = agents.map((agent) => ({ ...agent, rows: [] }));
    expectClose(await merged(none, coefficients), [0.5 * 1.2 + 0.2 * 0.7 + 0.3 * 0.9, -0.15 + 0.1 + 0.03]);
    const [first, ...others] = agents as [Agent, ...Agent[]];
    expectClose(await merged([first, { ...(others[0] as Agent), rows: [] }], [0.5, 0.5]), [1.2, -0.3]);
  });

  it('is that of equal agents, and of one alone, to the last digit', async () => {
    const [first] = agents as [Agent];
    const twin = { ...first, rows: rowsOf(9, 3, 0.1) };
    expect(await merged([first, twin], [0.5, 0.5])).toEqual([1.2, -0.3]);
    expect(await merged([twin], [1])).toEqual([1.2, -0.3]);
  });

  it('tells features that hardly vary from those that do not at all', async () => {
    const nearly = agents.map((agent) => ({
      ...agent,
      rows: agent.rows.map((_, row) => 5 + (row % 2) * 1e-3),
    }));
    expectClose(await merged(nearly, coefficients), leastSquares(nearly, coefficients), 4);
  });
});

describe('vectors: norms', () => {
  const scale = 'bert.embeddings.LayerNorm.weight';
  const shift = 'bert.embeddings.LayerNorm.bias';
  const bias = 'bert.encoder.layer.0.intermediate.dense.bias';
  const size = tinyConfig.hidden_size;

  /**
   * Two models with sums of the embeddings' layer: of one as many rows as squares, of the other 3.
   */
  async function write(change: (own: NormSums, index: number) => NormSums | null = (own) => own) {
    const tuned = await writeFineTunedModels(root, [0.01, 0.05]);
    for (const [index, folder] of tuned.folders.entries()) {
      const sums = new Float64Array(2 * size).fill(0, 0, size).fill(index === 0 ? 1 : 3, size);
      const own = change({ scale, shift, rows: 1, sums }, index);
      if (own !== null) await writeNorms(join(folder, 'norms.safetensors'), [own]);
    }
    return tuned;
  }

  const merge = ({ folders, baseFolder }: FineTunedModels, options: Partial<MergeOptions> = {}) => {
    const own = { method: 'regmean', covariance: 'weights', base: baseFolder, vectors: 'norms' } as const;
    return mergeContributions(folders, { ...own, out: join(root, 'fused'), ...options }, quietContext);
  };

  it('solves for the layers that there are sums of and averages everything else', async () => {
    const tuned = await write();
    const report = await merge(tuned);
    const fused = await readWeights(join(root, 'fused'));
    const expectMean = (parameter: string, [first, second]: readonly [number, number]): void => {
      const [a, b] = tuned.models.map(({ weights }) => weights.get(parameter)?.data ?? []);
      const data = Array.from(a as Float32Array, (value, at) => first * value + second * Number(b?.[at]));
      expect(fused.get(parameter)).toBeAllclose(
        { shape: [data.length], data },
        { rtol: 1e-6, name: parameter },
      );
    };
    expectMean(scale, [1 / 4, 3 / 4]);
    expectMean(shift, [1 / 2, 1 / 2]);
    expectMean(bias, [1 / 2, 1 / 2]);
    expectMean('bert.encoder.layer.0.output.LayerNorm.weight', [1 / 2, 1 / 2]);
    expect(report.options).toMatchObject({ vectors: 'norms' });
    const mean = await merge(tuned, { vectors: 'mean' });
    expect(report.parameters.solved).toBe(mean.parameters.solved + 2);
    expect(report.parameters.averaged).toBe(mean.parameters.averaged - 2);
    await merge(tuned, { method: 'iso-c', covariance: undefined });
    expect((await readWeights(join(root, 'fused'))).get(scale)).toEqual(fused.get(scale));
  });

  it('averages both parameters of a layer of which one is to be averaged', async () => {
    const tuned = await write();
    await merge(tuned, { average: ['embeddings\\.LayerNorm\\.bias'] });
    const fused = (await readWeights(join(root, 'fused'))).get(scale)?.data ?? [];
    const [a, b] = tuned.models.map(({ weights }) => Number(weights.get(scale)?.data[0]));
    expect(fused[0]).toBeCloseTo((Number(a) + Number(b)) / 2, 6);
  });

  it.each([
    [
      'no file',
      (own: NormSums, index: number) => (index === 1 ? null : own),
      /^agent-1: regmean needs sums of normalisation layers, .* has no norms\.safetensors$/,
    ],
    [
      'another layer',
      (own: NormSums, index: number) =>
        index === 1 ? { ...own, scale: bias, shift: null, sums: new Float64Array(4 * size) } : own,
      /^norms must be of the same layers, agent-0 has sums of .*embeddings.LayerNorm.weight, agent-1 has none$/,
    ],
    [
      'another shift',
      (own: NormSums, index: number) => (index === 1 ? { ...own, shift: null } : own),
      /agent-0 has .*LayerNorm.bias as shift of .*LayerNorm.weight, agent-1 has none$/,
    ],
    [
      'another size',
      (own: NormSums) => ({ ...own, sums: new Float64Array(6) }),
      /norms.safetensors: bert.embeddings.LayerNorm.weight must have shape \[3\], has \[16\]$/,
    ],
  ] as const)('refuses contributions with %s', async (_, change, message) => {
    const tuned = await write(change);
    await expect(merge(tuned)).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringMatching(message),
    });
  });

  it('names an agent whose weights are no numbers', async () => {
    const tuned = await write();
    const own = tuned.models[1]?.weights.get(scale)?.data ?? [];
    own[0] = Number.NaN;
    const [first = '', second = ''] = tuned.folders;
    const tensors = [...(tuned.models[1]?.weights ?? [])].map(([name, tensor]) => ({ name, ...tensor }));
    await writeContributionFolder(second, {
      tensors,
      config: { ...tinyConfig, id2label: { 0: 'no', 1: 'yes' } },
    });
    await expect(merge({ ...tuned, folders: [first, second] })).rejects.toThrow(
      `agent-1: parameter ${scale} must be finite, is not`,
    );
  });

  it('needs what the linear layers need, and no base', () => {
    expect(needsOf({ method: 'regmean', vectors: 'norms' })).toEqual(['grams', 'norms']);
    expect(needsOf({ method: 'regmean', covariance: 'weights', vectors: 'norms' })).toEqual([
      ...['layers', 'base', 'norms'],
    ]);
    expect(needsOf({ method: 'wudi', vectors: 'norms' })).toEqual(['layers', 'base', 'norms']);
    expect(needsOf({ method: 'regmean', vectors: 'squared-change' })).toEqual(['grams', 'base']);
  });
});
