/** @file RegMean with both sides, the outputs' known by the covariances that agents sent. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { type Matrix, traceOf, transpose, zeros } from '../../../shared/linalg/matrix.ts';
import { createModel, type Model, saveModel } from '../../../shared/models/model-folder.ts';
import type { FloatTensor } from '../../../shared/tensor.ts';
import '../../support/allclose.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { type FineTunedModels, writeFineTunedModels } from '../../support/fine-tuned-models.ts';
import { quietContext } from '../../support/run-context.ts';
import { tinyGpt2 } from '../../support/tiny-language-models.ts';
import { readWeights, writeTinyBase } from '../../support/tiny-model.ts';
import { gramOf, naiveKroneckerSolve, naiveShrunk, randomMatrix } from '../linalg/naive.ts';

/** More outputs than inputs. */
const wide = 'bert.encoder.layer.0.intermediate.dense';
const head = 'classifier';

let root: string;
let tuned: FineTunedModels;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-output-gradients-'));
  tuned = await writeFineTunedModels(root, [0.01, 0.05, 0.02]);
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** What an agent knows of a layer, as values that a file of float32 has. */
interface Known {
  readonly g: Matrix;
  readonly h: Matrix;
}

const single = (matrix: Matrix): Matrix => ({ ...matrix, data: matrix.data.map(Math.fround) });
/** Another one for every agent and layer; of H only three directions. */
const knownOf = (agent: number, inputs: number, outputs: number): Known => ({
  g: single(gramOf(randomMatrix(2 * inputs, inputs, 10 + agent))),
  h: single(gramOf(randomMatrix(3, outputs, 20 + agent))),
});
const tensor = (name: string, { rows, columns, data }: Matrix) => ({
  ...{ name, shape: [rows, columns] },
  data: Float32Array.from(data),
});

/** A contribution of a model with statistics of layers, all files made elsewhere. */
async function write(
  name: string,
  { weights }: Model,
  config: object,
  known: Readonly<Record<string, Partial<Known>>>,
): Promise<string> {
  const side = (which: 'g' | 'h') =>
    Object.entries(known).flatMap(([layer, own]) => {
      const matrix = own[which];
      return matrix === undefined ? [] : [tensor(layer, matrix)];
    });
  const [grams, outputGrams] = [side('g'), side('h')];
  return writeContributionFolder(join(root, name), {
    tensors: [...weights].map(([each, { shape, data }]) => ({ name: each, shape, data })),
    ...(grams.length === 0 ? {} : { grams }),
    ...(outputGrams.length === 0 ? {} : { outputGrams }),
    config,
  });
}

/** Contributions of the fine-tuned models. */
const agents = (
  name: string,
  known: (agent: number) => Readonly<Record<string, Partial<Known>>>,
): Promise<readonly string[]> =>
  Promise.all(
    tuned.models.map(async (model, agent) => {
      const config = JSON.parse(await readFile(join(tuned.folders[agent] as string, 'config.json'), 'utf8'));
      return write(`${name}-${agent}`, model, config, known(agent));
    }),
  );

const only = (layer: string): readonly string[] => [`^(?!${layer})`];
const merge = async (folders: readonly string[], options: Partial<MergeOptions>) => {
  const converged = { sidesIterations: 3000, sidesTolerance: 1e-13 };
  const own = { method: 'regmean', sides: 'both', outputs: 'gradients', alpha: 1, ...converged } as const;
  const out = join(root, 'fused');
  const alpha = options.covariance === 'weights' ? { alpha: undefined } : {};
  const report = await mergeContributions(folders, { ...own, ...alpha, out, ...options }, quietContext);
  return { report, weights: await readWeights(out) };
};
const matrixOf = ({ shape, data }: FloatTensor): Matrix => ({
  ...{ rows: shape[0] ?? 1, columns: shape[1] ?? 1 },
  data: Float64Array.from(data),
});
const weightOf = (model: Model, layer: string): Matrix =>
  matrixOf(model.weights.get(`${layer}.weight`) as FloatTensor);
const asTensor = ({ rows, columns, data }: Matrix) => ({ shape: [rows, columns], data });

describe('both sides with the covariances that agents sent', () => {
  it('and Grams: the solution of the Kronecker system, without a base', async () => {
    const known = (agent: number) => knownOf(agent, 16, 32);
    const folders = await agents('grams', (agent) => ({ [wide]: known(agent) }));
    const { weights } = await merge(folders, { average: only(wide), outputsEps: 0.2 });
    const terms = tuned.models.map((model, agent) => {
      const { g, h } = known(agent);
      return { h: naiveShrunk(h, 0.2), g, x: weightOf(model, wide) };
    });
    const formula = asTensor(naiveKroneckerSolve(terms));
    expect(weights.get(`${wide}.weight`)).toBeAllclose(formula, { rtol: 1e-6 });
  });

  it('and covariances from weights, both divided by their traces', async () => {
    const known = (agent: number) => ({ h: knownOf(agent, 16, 32).h });
    const folders = await agents('weights', (agent) => ({ [wide]: known(agent) }));
    const { weights } = await merge(folders, {
      ...{ average: only(wide), covariance: 'weights', covarianceEps: 0.5, covarianceNormalize: 'trace' },
      base: tuned.baseFolder,
    });
    const byTrace = (matrix: Matrix, eps: number): Matrix => ({
      ...matrix,
      data: naiveShrunk(matrix, eps).data.map((value) => value / traceOf(matrix)),
    });
    const origin = weightOf(tuned.base, wide);
    const terms = tuned.models.map((model, agent) => {
      const own = weightOf(model, wide);
      const change = { ...own, data: own.data.map((value, at) => value - (origin.data[at] as number)) };
      return { h: byTrace(known(agent).h, 0.1), g: byTrace(gramOf(change), 0.5), x: own };
    });
    const formula = asTensor(naiveKroneckerSolve(terms));
    expect(weights.get(`${wide}.weight`)).toBeAllclose(formula, { rtol: 1e-6 });
  });

  it('of a new head, which the base lacks', async () => {
    const known = (agent: number) => knownOf(agent, 16, 2);
    const folders = await agents('head', (agent) => ({ [head]: known(agent) }));
    const { weights } = await merge(folders, { average: only(head), base: tuned.baseFolder });
    const terms = tuned.models.map((model, agent) => {
      const { g, h } = known(agent);
      return { h: naiveShrunk(h, 0.1), g, x: weightOf(model, head) };
    });
    const formula = asTensor(naiveKroneckerSolve(terms));
    expect(weights.get(`${head}.weight`)).toBeAllclose(formula, { rtol: 1e-6 });
  });

  it('of weights stored as [in, out], times coefficients', async () => {
    const layer = 'transformer.h.0.attn.c_attn';
    const config = { ...tinyGpt2, vocab_size: 12, id2label: { 0: 'no', 1: 'yes' } };
    const models = [1, 2].map((seed) => createModel(config, 'text-classification', ['no', 'yes'], seed));
    const known = (agent: number) => knownOf(agent, 12, 36);
    const folders = await Promise.all(
      models.map(async (model, agent) => {
        const folder = await writeTinyBase(join(root, `gpt2-model-${agent}`));
        await saveModel(folder, model);
        const written = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
        return write(`gpt2-${agent}`, model, written, { [layer]: known(agent) });
      }),
    );
    const { weights } = await merge(folders, { average: only(layer), coefficients: [1, 3] });
    const terms = models.map((model, agent) => {
      const { g, h } = known(agent);
      const scaled = { ...g, data: g.data.map((value) => (2 * agent + 1) * value) };
      return { h: naiveShrunk(h, 0.1), g: scaled, x: transpose(weightOf(model, layer)) };
    });
    const formula = asTensor(transpose(naiveKroneckerSolve(terms)));
    expect(weights.get(`${layer}.weight`)).toBeAllclose(formula, { rtol: 1e-6 });
  });

  it('that are all zero keep the mean; an agent with nothing but zeros has no say', async () => {
    const zero = (agent: number) => ({ g: knownOf(agent, 16, 32).g, h: zeros(32, 32) });
    const all = await merge(await agents('zeros', (agent) => ({ [wide]: zero(agent) })), {
      average: only(wide),
    });
    const mean = tuned.models
      .map((model) => weightOf(model, wide).data)
      .reduce((sum, data) => sum.map((value, at) => value + (data[at] as number)))
      .map((value) => value / 3);
    const merged = all.weights.get(`${wide}.weight`) as FloatTensor;
    expect(merged).toBeAllclose({ shape: [32, 16], data: mean }, { rtol: 1e-6 });
    expect(all.report.groups).toMatchObject([{ relativeResidual: 0, refinements: 0 }]);

    const one = await agents('one', (agent) => ({
      [wide]: agent === 1 ? knownOf(agent, 16, 32) : zero(agent),
    }));
    const { weights } = await merge(one, { average: only(wide) });
    const own = asTensor(weightOf(tuned.models[1] as Model, wide));
    expect(weights.get(`${wide}.weight`)).toBeAllclose(own, { rtol: 1e-5 });
  });

  it('of which a layer has none: it is solved for by its inputs', async () => {
    const folders = await agents('none', (agent) => ({
      [wide]: { g: knownOf(agent, 16, 32).g },
      [head]: { h: knownOf(agent, 16, 2).h },
    }));
    const both = await merge(folders, { average: only(wide) });
    const off = {
      sides: undefined,
      outputs: undefined,
      sidesIterations: undefined,
      sidesTolerance: undefined,
    };
    const inputs = await merge(folders, { average: only(wide), ...off });
    expect(both.weights.get(`${wide}.weight`)).toEqual(inputs.weights.get(`${wide}.weight`));
  });
});

describe('refusals', () => {
  const options = { average: only(wide) };

  it('an agent without the file, by its name', async () => {
    const folders = await agents('file', (agent) => ({
      [wide]: agent === 2 ? { g: knownOf(agent, 16, 32).g } : knownOf(agent, 16, 32),
    }));
    await expect(merge(folders, options)).rejects.toThrow(
      `file-2: regmean needs output Grams, ${folders[2]} has no output-grams.safetensors`,
    );
  });

  it('an agent without a layer that others have', async () => {
    const folders = await agents('layer', (agent) => ({
      [wide]: agent === 1 ? { g: knownOf(agent, 16, 32).g } : knownOf(agent, 16, 32),
      [head]: { h: knownOf(agent, 16, 2).h },
    }));
    await expect(merge(folders, options)).rejects.toThrow(
      `no output Gram of layer ${wide}; layer-0 has one, layer-1 not`,
    );
  });

  it('one of another size', async () => {
    const folders = await agents('size', (agent) => ({
      [wide]: { g: knownOf(agent, 16, 32).g, h: knownOf(agent, 16, agent === 1 ? 16 : 32).h },
    }));
    await expect(merge(folders, options)).rejects.toThrow(
      `output Gram ${wide} of dimension 16 does not fit layer ${wide} with 32 outputs`,
    );
  });

  it('a file of no layer of the models', async () => {
    const folders = await agents('strangers', (agent) => ({
      [wide]: { g: knownOf(agent, 16, 32).g },
      elsewhere: { h: knownOf(agent, 16, 32).h },
    }));
    await expect(merge(folders, options)).rejects.toThrow(
      'output Grams must belong to layers of the models, there are elsewhere',
    );
  });

  it('without both sides', async () => {
    const folders = await agents('sides', (agent) => ({ [wide]: knownOf(agent, 16, 32) }));
    const off = { sides: undefined, sidesIterations: undefined, sidesTolerance: undefined };
    await expect(merge(folders, { ...options, ...off })).rejects.toThrow('outputs: needs sides both');
  });
});
