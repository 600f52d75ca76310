import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGemm, type Gemm } from '../../../shared/linalg/gemm.ts';
import { type Matrix, transpose, zeros } from '../../../shared/linalg/matrix.ts';
import { solveSymmetric } from '../../../shared/linalg/solve-symmetric.ts';
import { oneThread } from '../../support/run-context.ts';
import '../../support/allclose.ts';
import { type ExpectedTensor, readExpectedTensors, torchFixtureFolder } from '../../support/torch-fixture.ts';

interface Recipe {
  readonly alpha: number;
  readonly coefficients: readonly number[] | null;
  readonly gramScale: 'mean' | 'sum';
}

interface Model {
  readonly coefficient: number;
  readonly weight: ExpectedTensor;
  readonly gram: ExpectedTensor;
  readonly rows: number;
}

const folder = torchFixtureFolder('merge');
const { recipes, rows: rowsOf } = JSON.parse(await readFile(`${folder}/expected.json`, 'utf8')) as {
  recipes: Record<string, Recipe>;
  rows: Record<string, number[]>;
};
const cases = Object.keys(recipes).flatMap((recipe) =>
  Object.keys(rowsOf).map((layer) => ({ recipe, layer })),
);

describe('the RegMean weights of NumPy in float64, as the mean plus a solved correction', () => {
  let inputs: ReadonlyMap<string, ExpectedTensor>;
  let expected: ReadonlyMap<string, ExpectedTensor>;
  let gemm: Gemm;

  beforeAll(async () => {
    inputs = await readExpectedTensors(`${folder}/inputs.safetensors`);
    expected = await readExpectedTensors(`${folder}/expected.safetensors`);
    gemm = createGemm(oneThread);
  });
  afterAll(() => gemm.dispose());

  it.each(cases)('$recipe of $layer', async ({ recipe: name, layer }) => {
    const recipe = recipes[name] as Recipe;
    const models = (rowsOf[layer] ?? []).map((rows, index) => ({
      coefficient: recipe.coefficients?.[index] ?? 1,
      weight: inputs.get(`${layer}.weight.${index}`) as ExpectedTensor,
      gram: inputs.get(`${layer}.gram.${index}`) as ExpectedTensor,
      rows,
    }));
    const tensor = expected.get(`${name}.${layer}`) as ExpectedTensor;
    const [outputs = 0, size = 0] = tensor.shape;
    const mean = weightedMean(models, outputs * size);

    const a = zeros(size, size);
    const b = zeros(size, outputs);
    for (const model of models) await accumulate(gemm, a, b, model, mean, recipe);
    const { x } = await solveSymmetric(gemm, layer, a, b);
    const correction = transpose(x).data;

    // Rank deficiency of the largest degree is the hardest: its solution is known to about 1e-9.
    const actual = { shape: tensor.shape, data: mean.map((value, i) => value + (correction[i] as number)) };
    expect(actual).toBeAllclose(tensor, { rtol: layer === 'rank_deficient' ? 1e-8 : 1e-10, name: layer });
  });
});

function weightedMean(models: readonly Model[], length: number): Float64Array {
  const total = models.reduce((sum, { coefficient }) => sum + coefficient, 0);
  const mean = new Float64Array(length);
  for (const { coefficient, weight } of models) {
    for (let i = 0; i < length; i++)
      mean[i] = (mean[i] as number) + (coefficient / total) * (weight.data[i] as number);
  }
  return mean;
}

/** a += c G~, b += c G~ (W - mean)^T, with G~ the Gram whose off-diagonal entries are shrunk. */
async function accumulate(
  gemm: Gemm,
  a: Matrix,
  b: Matrix,
  model: Model,
  mean: Float64Array,
  recipe: Recipe,
): Promise<void> {
  const size = a.rows;
  const scale = model.coefficient / (recipe.gramScale === 'mean' ? model.rows : 1);
  const data = model.gram.data.map((value, i) => {
    const onDiagonal = i % (size + 1) === 0;
    return scale * (onDiagonal ? value : recipe.alpha * value);
  });
  const gram: Matrix = { rows: size, columns: size, data };
  for (let i = 0; i < data.length; i++) a.data[i] = (a.data[i] as number) + (data[i] as number);
  const deviation = model.weight.data.map((value, i) => value - (mean[i] as number));
  await gemm.accumulate(gram, { rows: b.columns, columns: size, data: deviation }, b, { transB: true });
}
