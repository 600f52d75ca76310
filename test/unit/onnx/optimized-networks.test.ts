import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createGramAccumulator } from '../../../agent/statistics/gram-accumulator.ts';
import { createGramPass } from '../../../agent/statistics/gram-graph.ts';
import { adamWDefaults, createAdamW } from '../../../agent/training/adamw.ts';
import { createArena, fillArena } from '../../../agent/training/parameter-arena.ts';
import { createLossAndGradients } from '../../../agent/training/train-step.ts';
import { unpackSymmetric } from '../../../shared/contribution/gram-packing.ts';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { encodeModel, type OnnxModel } from '../../../shared/graph/onnx-schema.ts';
import { type Model, saveModel } from '../../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import { createRandom } from '../../../shared/random.ts';
import { createSession, type RunTensor } from '../../../shared/runtime/session.ts';
import { oneThread } from '../../support/run-context.ts';
import '../../support/allclose.ts';
import { feedsOf } from '../../support/fixture-feeds.ts';
import { writeOnnxFile } from '../../support/onnx-network.ts';
import { type OptimizedForm, optimizedEncoder, optimizedSizes } from '../../support/optimized-encoder.ts';
import { type ExpectedTensor, readExpectedTensors } from '../../support/torch-fixture.ts';

const task = 'text-classification';
const fixture = (file: string): string =>
  fileURLToPath(new URL(`../../fixtures/onnx/${file}`, import.meta.url));
/** Two texts, the first of them padded. */
const batch = {
  input_ids: [1, 4, 2, 8, 0, 3, 3, 5, 1, 7],
  attention_mask: [1, 1, 1, 1, 0, 1, 1, 1, 1, 1],
  token_type_ids: [0, 0, 1, 1, 0, 0, 1, 0, 1, 1],
};
const shape = [2, 5];
const feeds = new Map<string, RunTensor>([
  ...Object.entries(batch).map(([name, data]) => [name, { shape, data: Int32Array.from(data) }] as const),
  ['labels', { shape: [2], data: Int32Array.of(2, 0) }],
]);

/** What ONNX Runtime itself computes of a file, or of its bytes. */
async function computed(file: string | Uint8Array, name: string): Promise<RunTensor> {
  const options = { logSeverityLevel: 3 } as const;
  const session =
    typeof file === 'string'
      ? await ort.InferenceSession.create(file, options)
      : await ort.InferenceSession.create(file, options);
  const longs = Object.entries(batch).map(
    ([input, data]) => [input, new ort.Tensor('int64', BigInt64Array.from(data, BigInt), shape)] as const,
  );
  const { [name]: value } = await session.run(Object.fromEntries(longs), [name]);
  await session.release();
  if (!(value?.data instanceof Float32Array)) throw new Error(`${name} must be numbers`);
  return { shape: value.dims, data: value.data };
}

/** What this project computes of it. */
async function logitsOf(
  model: Model,
  weights: ReadonlyMap<string, RunTensor>,
  fed: ReadonlyMap<string, RunTensor> = feeds,
): Promise<RunTensor> {
  const { graph, logits } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  graph.output('logits', logits);
  const session = await createSession(graph, oneThread);
  const results = await session.run(new Map([...weights, ...fed]));
  await session.dispose();
  return results.get('logits') as RunTensor;
}

/** The file with another value as an output too. */
const showing = (model: OnnxModel, name: string): OnnxModel => ({
  ...model,
  graph: {
    ...model.graph,
    output: [...model.graph.output, { name, type: { tensorType: { elemType: 1 } } }],
  },
});

const forms: readonly OptimizedForm[] = [
  { activation: 'BiasGelu', mask: 'lengths' },
  { activation: 'FastGelu', mask: 'raw' },
];

describe.each(forms)('an encoder that was optimized ($activation, padding as $mask)', (form) => {
  const onnx = optimizedEncoder(form);
  let model: Model;

  beforeAll(async () => {
    model = (await loadModel(await writeOnnxFile(onnx), { task })).model;
  });

  it('has ONNX Runtime’s logits, and the sizes of its tables', async () => {
    const expected = await computed(encodeModel(onnx), 'logits');
    expect(await logitsOf(model, model.weights)).toBeAllclose(expected, { rtol: 1e-5, name: 'logits' });
    expect(model.config.inputs).toMatchObject({ vocabSize: 9, typeVocabSize: 2, maxLength: 6 });
  });

  it('has a gradient of every parameter, the slope of finite differences', async () => {
    const shapes = new Map([...model.weights].map(([name, tensor]) => [name, tensor.shape]));
    expect(shapes.size).toBe(onnx.graph.initializer.length - 1);
    const [arena, gradientArena] = [createArena(shapes), createArena(shapes)];
    fillArena(arena, model.weights);
    const options = { parameters: arena.tensors, gradientArena, dropoutSeed: null };
    const backward = await createLossAndGradients(model, options, oneThread);
    await backward.run(feeds);
    const slopes = new Map([...gradientArena.tensors].map(([name, { data }]) => [name, data.slice()]));
    const step = 5e-3;
    for (const [name, { data }] of arena.tensors) {
      const slope = slopes.get(name) ?? new Float32Array();
      const steepest = slope.reduce(
        (most, own, at) => (Math.abs(own) > Math.abs(slope[most] ?? 0) ? at : most),
        0,
      );
      expect(Math.abs(slope[steepest] ?? 0), `largest slope of ${name}`).toBeGreaterThan(1e-3);
      for (const at of [steepest, Math.floor(data.length / 2)]) {
        const value = data[at] ?? 0;
        const lossAt = async (moved: number): Promise<number> => {
          data[at] = moved;
          const loss = await backward.run(feeds);
          data[at] = value;
          return loss;
        };
        const difference = (await lossAt(value + step)) - (await lossAt(value - step));
        expect(slope[at], `slope of ${name}, ${at}`).toBeCloseTo(difference / (2 * step), 3);
      }
    }
    await backward.dispose();
  });

  it('has linear layers, which are called as before: the joined projection, its output, both of the feed-forward, the classifier', async () => {
    const pass = await createGramPass(model, model.weights, oneThread, { norms: true });
    const accumulator = createGramAccumulator(pass.panels);
    const tokens = Int32Array.from(batch.attention_mask.flatMap((own, at) => (own === 1 ? [at] : [])));
    await pass.run(feeds, { tokens, targets: new Int32Array(0) });
    accumulator.drain();
    const { hidden, inner } = optimizedSizes;
    const found = pass.groups.flatMap((group) =>
      group.layers.map(({ module, weight, orientation }) => [
        ...[module, { weight, orientation }],
        group.inputs[0]?.shape.at(-1),
      ]),
    );
    const inOut = (weight: string) => ({ weight, orientation: 'in-out' });
    expect(found).toEqual([
      ['Attention_0_qkv', inOut('Attention_0_qkv_weight'), hidden],
      ['encoder.layer.0.attention.output.dense', inOut('onnx::MatMul_21'), hidden],
      ['encoder.layer.0.intermediate.dense', inOut('onnx::MatMul_22'), hidden],
      ['encoder.layer.0.output.dense', inOut('onnx::MatMul_23'), inner],
      ['classifier', { weight: 'classifier.weight', orientation: 'out-in' }, hidden],
    ]);
    expect(pass.leftOut).toEqual([]);
    const names = ['embedded', 'attended', 'first', 'active', 'class'];
    for (const [at, group] of pass.groups.entries()) {
      const name = names[at] ?? '';
      const read = await computed(encodeModel(showing(onnx, name)), name);
      const size = Number(read.shape.at(-1));
      const rows = name === 'class' ? [0, 1] : [...tokens];
      const gram = Float32Array.from({ length: size * size }, (_, cell) =>
        rows.reduce(
          (sum, row) =>
            sum +
            Number(read.data[row * size + Math.floor(cell / size)]) *
              Number(read.data[row * size + (cell % size)]),
          0,
        ),
      );
      const actual = { shape: [size, size], data: unpackSymmetric(accumulator.packed(group.name), size) };
      const wanted = { shape: [size, size], data: gram };
      expect(actual).toBeAllclose(wanted, { rtol: 1e-4, name: `Gram of ${name}` });
    }
    const counts = { tokens: tokens.length, targets: 0, sequences: 2, batches: 1 };
    expect(pass.normSums(counts)?.map(({ scale, shift, rows }) => [scale, shift, rows])).toEqual(
      ['embeddings', 'encoder.layer.0.attention.output', 'encoder.layer.0.output'].map((name) => [
        ...[`${name}.LayerNorm.weight`, `${name}.LayerNorm.bias`, tokens.length],
      ]),
    );
    await pass.dispose();
  });

  it('is written back as a file that ONNX Runtime opens, with the weights that it has then', async () => {
    const random = createRandom(9);
    const weights = new Map(
      [...model.weights].map(([name, { shape: own, data }]) => [
        name,
        { shape: own, data: data.map((value) => value + 0.2 * random() - 0.1) },
      ]),
    );
    const folder = await mkdtemp(join(tmpdir(), 'regmean-optimized-'));
    await saveModel(folder, { ...model, weights });
    const expected = await logitsOf(model, weights);
    const actual = await computed(join(folder, 'model.onnx'), 'logits');
    expect(actual).toBeAllclose(expected, { rtol: 1e-5, name: 'logits' });
    expect(actual).not.toBeAllclose(await logitsOf(model, model.weights), { rtol: 1e-2, name: 'logits' });
  });
});

describe('encoder.onnx, optimized by ONNX Runtime’s transformer optimizer, computes what PyTorch computes', () => {
  const factsSchema = z.object({
    losses: z.array(z.number()),
    labels: z.array(z.number()),
    input_ids: z.array(z.array(z.number())),
    attention_mask: z.array(z.array(z.number())),
    token_type_ids: z.array(z.array(z.number())),
  });
  let facts: z.infer<typeof factsSchema>;
  let expected: ReadonlyMap<string, ExpectedTensor>;
  let model: Model;
  const wanted = (name: string): ExpectedTensor => {
    const tensor = expected.get(name);
    if (tensor === undefined) throw new Error(`${name} is not among what PyTorch computes`);
    return tensor;
  };

  beforeAll(async () => {
    facts = factsSchema.parse(JSON.parse(await readFile(fixture('encoder.expected.json'), 'utf8')));
    expected = await readExpectedTensors(fixture('encoder.expected.safetensors'));
    model = (await loadModel(fixture('encoder.optimized.onnx'), { task })).model;
  });

  it('logits', async () => {
    const actual = await logitsOf(model, model.weights, feedsOf(task, facts));
    expect(actual).toBeAllclose(wanted('logits'), { rtol: 1e-5, name: 'logits' });
  });

  it('the Gram of every linear layer; that of queries, keys and values is one', async () => {
    const pass = await createGramPass(model, model.weights, oneThread);
    const accumulator = createGramAccumulator(pass.panels);
    const tokens = Int32Array.from(
      facts.attention_mask.flat().flatMap((own, row) => (own === 1 ? [row] : [])),
    );
    await pass.run(feedsOf(task, facts), { tokens, targets: new Int32Array(0) });
    accumulator.drain();
    const names = ['Attention_0_qkv', 'attention.output', 'up', 'down', 'pooler', 'classifier'];
    expect(pass.groups.map(({ layers }) => layers.map(({ module }) => module))).toEqual(
      names.map((name) => [name]),
    );
    for (const [index, name] of names.entries()) {
      const gram = wanted(`gram.${index === 0 ? 'attention.query' : name}`);
      const size = gram.shape[0] ?? 0;
      const actual = { shape: [size, size], data: unpackSymmetric(accumulator.packed(name), size) };
      expect(actual).toBeAllclose(gram, { rtol: 1e-5, name: `Gram of ${name}` });
    }
    await pass.dispose();
  });

  it('gradients of the joined weights, and losses of training', async () => {
    const shapes = new Map([...model.weights].map(([name, tensor]) => [name, tensor.shape]));
    const [arena, gradientArena] = [createArena(shapes), createArena(shapes)];
    fillArena(arena, model.weights);
    const options = { parameters: arena.tensors, gradientArena, dropoutSeed: null };
    const backward = await createLossAndGradients(model, options, oneThread);
    const optimizer = createAdamW({ parameters: arena, gradients: gradientArena }, adamWDefaults);
    for (const [step, loss] of facts.losses.entries()) {
      expect(await backward.run(feedsOf(task, facts))).toBeCloseTo(loss, 5);
      if (step === 0) {
        const joined = gradientArena.tensors.get('Attention_0_qkv_weight');
        // [in, out of queries, keys and values], where PyTorch has [out, in] for each.
        const parts = ['query', 'key', 'value'].map((name) => wanted(`grad.attention.${name}.weight`));
        const data = Float32Array.from({ length: 16 * 48 }, (_, cell) => {
          const [row, column] = [Math.floor(cell / 48), cell % 48];
          return Number(parts[Math.floor(column / 16)]?.data[(column % 16) * 16 + row]);
        });
        const own = { shape: [16, 48], data };
        expect(joined).toBeAllclose(own, { rtol: 1e-4, atol: 1e-6, name: 'gradient of the joined weight' });
      }
      optimizer.step(1e-3);
    }
    await backward.dispose();
  });
});
