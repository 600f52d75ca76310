import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateModels } from '../../../../agent/inference/evaluate-models.ts';
import { predictRows } from '../../../../agent/inference/predict-rows.ts';
import { createArena } from '../../../../agent/training/parameter-arena.ts';
import { runTraining } from '../../../../agent/training/run-training.ts';
import { createLossAndGradients } from '../../../../agent/training/train-step.ts';
import { type TrainingOptions, trainingDefaults } from '../../../../agent/training/training-options.ts';
import { writeFullModel } from '../../../../shared/adapters/write-full-model.ts';
import type { Matrix } from '../../../../shared/linalg/matrix.ts';
import { factorNames, factorShapes } from '../../../../shared/models/low-rank.ts';
import { createModel, type Model } from '../../../../shared/models/model-folder.ts';
import type { RunContext } from '../../../../shared/runtime/run-context.ts';
import type { RunTensor } from '../../../../shared/runtime/session.ts';
import { openSafetensors } from '../../../../shared/safetensors/open-safetensors.ts';
import type { TaskKind } from '../../../../shared/task.ts';
import type { FloatTensor } from '../../../../shared/tensor.ts';
import { randomTensor } from '../../../support/adapter-folder.ts';
import '../../../support/allclose.ts';
import { oneThread, quietContext } from '../../../support/run-context.ts';
import { readWeights, tinyConfig, toyRows, writeRows, writeTinyBase } from '../../../support/tiny-model.ts';
import { naiveProduct, naiveTranspose } from '../../linalg/naive.ts';

let folder: string;
let base: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-low-rank-'));
  base = await writeTinyBase(join(folder, 'base'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function toyOptions(task: TaskKind, changes: Partial<TrainingOptions> = {}): Promise<TrainingOptions> {
  return {
    ...trainingDefaults,
    model: base,
    task,
    trainFiles: [await writeRows(join(folder, `${task}-train.jsonl`), toyRows(task, 160, 1))],
    devFiles: [await writeRows(join(folder, `${task}-dev.jsonl`), toyRows(task, 80, 2))],
    out: join(folder, `out-${count++}`),
    epochs: 10,
    learningRate: 1e-2,
    freeze: [],
    lora: { rank: 4 },
    ...changes,
  };
}

const readAdapter = async (out: string): Promise<ReadonlyMap<string, FloatTensor>> => {
  const file = await openSafetensors(join(out, 'adapter_model.safetensors'));
  const tensors = new Map<string, FloatTensor>();
  for (const name of file.tensors.keys()) tensors.set(name, await file.readFloat32(name));
  await file.close();
  return tensors;
};
const configOf = async (out: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(out, 'adapter_config.json'), 'utf8'));

const query = 'bert.encoder.layer.0.attention.self.query';

describe('training updates of low rank', () => {
  it('learns, and the full model of the adapter is the model that was scored', async () => {
    const options = await toyOptions('text-classification');
    const result = await runTraining(options, quietContext);
    expect(result.metrics.accuracy).toBeGreaterThan(0.85);
    expect((await readdir(options.out)).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'training.json',
    ]);
    const full = `${options.out}-full`;
    await writeFullModel({ adapter: options.out, out: full });
    const scored = await evaluateModels(
      {
        models: [options.out, full],
        task: 'text-classification',
        dataFiles: options.devFiles,
        ensemble: false,
        batchSize: 7,
      },
      quietContext,
    );
    expect(scored.map(({ model }) => model)).toEqual([options.out, full]);
    for (const { metrics } of scored) {
      expect(metrics.accuracy).toBeCloseTo(result.metrics.accuracy ?? Number.NaN, 5);
    }
    const rows = await predictRows(
      {
        model: options.out,
        task: 'text-classification',
        dataFiles: options.devFiles,
        batchSize: 8,
      },
      quietContext,
    );
    expect(rows).toHaveLength(80);
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
    const [before, after] = [await readWeights(base), await readWeights(full)];
    const kept = ['bert.embeddings.word_embeddings.weight', `${query}.bias`];
    for (const name of kept) expect(after.get(name)).toEqual(before.get(name));
    expect(after.get(`${query}.weight`)).not.toEqual(before.get(`${query}.weight`));
  });

  it('names the layers with an update and the modules of a new head as PEFT does', async () => {
    const options = await toyOptions('text-classification', { epochs: 1, devFiles: [] });
    await runTraining(options, quietContext);
    expect(await configOf(options.out)).toMatchObject({
      ...{ peft_type: 'LORA', task_type: 'SEQ_CLS', r: 4, lora_alpha: 8, base_model_name_or_path: base },
      target_modules: ['intermediate.dense', 'key', 'output.dense', 'query', 'value'],
      modules_to_save: ['bert.pooler', 'classifier'],
    });
    const tensors = await readAdapter(options.out);
    expect(tensors.get(`base_model.model.${query}.lora_A.weight`)?.shape).toEqual([4, 16]);
    expect(tensors.get(`base_model.model.${query}.lora_B.weight`)?.shape).toEqual([16, 4]);
    expect([...tensors.keys()].filter((name) => !name.includes('.lora_')).sort()).toEqual([
      'base_model.model.bert.pooler.dense.bias',
      'base_model.model.bert.pooler.dense.weight',
      'base_model.model.classifier.bias',
      'base_model.model.classifier.weight',
    ]);
  });

  it('gives a pooler that the base brings an update too', async () => {
    const first = await toyOptions('text-classification', { epochs: 1, devFiles: [], lora: { rank: 2 } });
    await runTraining(first, quietContext);
    const model = `${first.out}-full`;
    await writeFullModel({ adapter: first.out, out: model });
    const options = await toyOptions('text-classification', { model, epochs: 1, devFiles: [] });
    await runTraining(options, quietContext);
    expect(await configOf(options.out)).toMatchObject({
      target_modules: ['dense', 'key', 'query', 'value'],
      modules_to_save: ['classifier'],
    });
    await writeFullModel({ adapter: options.out, out: `${options.out}-full` });
  });

  it('updates the layers that are named alone, with the rank and factor asked for', async () => {
    const lora = { rank: 3, alpha: 12, targets: ['query', 'attention.output.dense'] };
    const options = await toyOptions('token-classification', { epochs: 1, devFiles: [], lora });
    await runTraining(options, quietContext);
    expect(await configOf(options.out)).toMatchObject({
      ...{ r: 3, lora_alpha: 12, task_type: 'TOKEN_CLS', modules_to_save: ['classifier'] },
      target_modules: ['attention.output.dense', 'query'],
    });
    const bad = await toyOptions('token-classification', { lora: { rank: 3, targets: ['q_proj'] } });
    await expect(runTraining(bad, quietContext)).rejects.toThrow(
      'lora targets: must match linear layers, q_proj matches none',
    );
  });

  it('begins with the same factors for every agent of a head seed, and as the base', async () => {
    const factors = async (seed: number, headSeed: number): Promise<FloatTensor | undefined> => {
      const changes = { epochs: 1, devFiles: [], learningRate: 1e-30, seed, headSeed };
      const options = await toyOptions('text-classification', changes);
      await runTraining(options, quietContext);
      const tensors = await readAdapter(options.out);
      const b = tensors.get(`base_model.model.${query}.lora_B.weight`)?.data ?? [];
      expect(Math.max(...[...b].map(Math.abs))).toBeLessThan(1e-20);
      return tensors.get(`base_model.model.${query}.lora_A.weight`);
    };
    const one = await factors(1, 7);
    expect(one?.data.every((value) => Math.abs(value) <= 1 / 4)).toBe(true);
    expect(await factors(2, 7)).toEqual(one);
    expect(await factors(1, 8)).not.toEqual(one);
  });

  it('stopped and continued gives the bytes of a training that was not', async () => {
    const changes = { epochs: 3, batchSize: 8 };
    const [whole, parts] = [
      await toyOptions('token-classification', changes),
      await toyOptions('token-classification', changes),
    ];
    await runTraining(whole, quietContext);
    const controller = new AbortController();
    let updates = 0;
    const stopping: RunContext = {
      ...quietContext,
      signal: controller.signal,
      progress: () => ({
        update: () => {
          if (++updates === 30) controller.abort();
        },
        finish() {},
      }),
    };
    await expect(runTraining(parts, stopping)).rejects.toThrow('training stopped at step');
    await expect(writeFullModel({ adapter: parts.out, out: `${parts.out}-full` })).rejects.toThrow(
      'must be a model, got an unfinished training',
    );
    await runTraining(parts, quietContext);
    const bytes = (out: string): Promise<Buffer> => readFile(join(out, 'adapter_model.safetensors'));
    expect(await bytes(parts.out)).toEqual(await bytes(whole.out));
  });
});

describe.each([
  { family: 'bert', config: tinyConfig, weight: `${query}.weight`, isTurned: false },
  {
    family: 'gpt2, whose weights are stored [in, out]',
    config: {
      ...{ model_type: 'gpt2', vocab_size: 12, n_positions: 12, n_embd: 16, n_layer: 1, n_head: 2 },
      ...{ initializer_range: 0.2, pad_token_id: 0 },
    },
    weight: 'transformer.h.0.attn.c_attn.weight',
    isTurned: true,
  },
])('gradients of the factors in $family', ({ config, weight, isTurned }) => {
  const scaling = 1.5;
  const batch = new Map<string, RunTensor>([
    ['input_ids', { shape: [2, 4], data: Int32Array.of(2, 5, 9, 3, 2, 7, 3, 0) }],
    ['attention_mask', { shape: [2, 4], data: Int32Array.of(1, 1, 1, 1, 1, 1, 1, 0) }],
    ['token_type_ids', { shape: [2, 4], data: new Int32Array(8) }],
    ['labels', { shape: [2], data: Int32Array.of(0, 1) }],
  ]);
  const matrix = ({ shape, data }: FloatTensor): Matrix => ({
    ...{ rows: shape[0] ?? 0, columns: shape[1] ?? 0 },
    data: Float64Array.from(data),
  });

  async function lossAndGradients(model: Model, trained: readonly string[]) {
    const shapes = new Map(trained.map((name) => [name, model.weights.get(name)?.shape ?? []]));
    const gradientArena = createArena(shapes);
    const step = await createLossAndGradients(
      model,
      { parameters: model.weights, gradientArena, dropoutSeed: null },
      oneThread,
    );
    const loss = await step.run(batch);
    await step.dispose();
    return { loss, gradients: gradientArena.tensors };
  }

  it('are B^T dW s and dW A^T s of the updated weight', async () => {
    const model = createModel(config, 'text-classification', ['no', 'yes'], 3);
    const origin = model.weights.get(weight) as FloatTensor;
    const update = { rank: 3, scaling, isTurned };
    const shapes = factorShapes([origin.shape[0] ?? 0, origin.shape[1] ?? 0], update);
    const [a, b] = [randomTensor(shapes.a, 1), randomTensor(shapes.b, 2)];
    const change = naiveProduct(matrix(b), matrix(a));
    const stored = isTurned ? naiveTranspose(change) : change;
    const updated = {
      shape: origin.shape,
      data: origin.data.map((value, i) => value + scaling * (stored.data[i] as number)),
    };
    const full = await lossAndGradients(
      { ...model, weights: new Map([...model.weights, [weight, updated]]) },
      [weight],
    );
    const names = factorNames(weight);
    const own = await lossAndGradients(
      {
        ...model,
        updates: new Map([[weight, update]]),
        weights: new Map([...model.weights, [names.a, a], [names.b, b]]),
      },
      [names.a, names.b],
    );
    expect(own.loss).toBeCloseTo(full.loss, 5);
    const ofWeight = matrix(full.gradients.get(weight) as FloatTensor);
    const dW = isTurned ? naiveTranspose(ofWeight) : ofWeight;
    for (const [name, expected] of [
      [names.a, naiveProduct(naiveTranspose(matrix(b)), dW)],
      [names.b, naiveProduct(dW, naiveTranspose(matrix(a)))],
    ] as const) {
      const data = expected.data.map((value) => scaling * value);
      const largest = Math.max(...data.map(Math.abs));
      expect(largest).toBeGreaterThan(1e-4);
      expect(own.gradients.get(name) as FloatTensor).toBeAllclose(
        { shape: [expected.rows, expected.columns], data },
        { rtol: 1e-4, atol: 1e-5 * largest, name },
      );
    }
  });
});
