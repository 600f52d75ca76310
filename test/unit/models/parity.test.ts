import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGramAccumulator } from '../../../agent/statistics/gram-accumulator.ts';
import { createGramPass } from '../../../agent/statistics/gram-graph.ts';
import { type AdamW, createAdamW } from '../../../agent/training/adamw.ts';
import { createArena, fillArena, type ParameterArena } from '../../../agent/training/parameter-arena.ts';
import { createLossAndGradients, type LossAndGradients } from '../../../agent/training/train-step.ts';
import { unpackSymmetric } from '../../../shared/contribution/gram-packing.ts';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { readConfigJson } from '../../../shared/models/config-json.ts';
import type { Model } from '../../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import { modelTypes } from '../../../shared/models/registry.ts';
import { createSession } from '../../../shared/runtime/session.ts';
import type { TaskKind } from '../../../shared/task.ts';
import type { ComparableTensor } from '../../support/allclose.ts';
import { oneThread } from '../../support/run-context.ts';
import '../../support/allclose.ts';
import { feedsOf, labelledPositions } from '../../support/fixture-feeds.ts';
import {
  type ExpectedTensor,
  type FixtureBatch,
  readTorchFixture,
  type TorchFixture,
  torchFixtureFolder,
  withPrefix,
} from '../../support/torch-fixture.ts';

const cases: readonly { name: string; task: TaskKind }[] = [
  { name: 'bert-text-classification', task: 'text-classification' },
  { name: 'bert-multi-label-classification', task: 'multi-label-classification' },
  { name: 'bert-regression', task: 'regression' },
  { name: 'bert-masked-lm', task: 'masked-lm' },
  { name: 'roberta-text-classification', task: 'text-classification' },
  { name: 'roberta-token-classification', task: 'token-classification' },
  { name: 'roberta-masked-lm', task: 'masked-lm' },
  { name: 'distilbert-text-classification', task: 'text-classification' },
  { name: 'distilbert-token-classification', task: 'token-classification' },
  { name: 'distilbert-masked-lm', task: 'masked-lm' },
  { name: 'xlm-roberta-token-classification', task: 'token-classification' },
  { name: 'electra-text-classification', task: 'text-classification' },
  { name: 'electra-token-classification', task: 'token-classification' },
  { name: 'albert-text-classification', task: 'text-classification' },
  { name: 'albert-token-classification', task: 'token-classification' },
  { name: 'mpnet-text-classification', task: 'text-classification' },
  { name: 'mpnet-token-classification', task: 'token-classification' },
  { name: 't5-text2text', task: 'text2text' },
  { name: 't5-v1.1-text2text', task: 'text2text' },
  { name: 'mt5-text2text', task: 'text2text' },
  { name: 'gpt2-causal-lm', task: 'causal-lm' },
  { name: 'gpt2-text-classification', task: 'text-classification' },
  { name: 'gpt2-token-classification', task: 'token-classification' },
  { name: 'llama-causal-lm', task: 'causal-lm' },
  { name: 'qwen2-multi-label-classification', task: 'multi-label-classification' },
  { name: 'qwen3-causal-lm', task: 'causal-lm' },
  { name: 'qwen3-token-classification', task: 'token-classification' },
  { name: 'mistral-text-classification', task: 'text-classification' },
  { name: 'mistral-causal-lm', task: 'causal-lm' },
  { name: 'qwen2-causal-lm', task: 'causal-lm' },
  { name: 'qwen3-multi-label-classification', task: 'multi-label-classification' },
  { name: 'modernbert-text-classification', task: 'text-classification' },
  { name: 'modernbert-multi-label-classification', task: 'multi-label-classification' },
  { name: 'modernbert-token-classification', task: 'token-classification' },
  { name: 'deberta-v2-text-classification', task: 'text-classification' },
  { name: 'deberta-v2-token-classification', task: 'token-classification' },
  { name: 'deberta-v2-multi-label-classification', task: 'multi-label-classification' },
  { name: 'deberta-v2-regression', task: 'regression' },
];

// PyTorch itself, in float32, is within 2e-6 of these float64 references.
const logitsTolerance = 1e-5;
const gradientTolerance = 1e-5;
const weightTolerance = 1e-5;
const gramTolerance = 2e-6;

it('every model family has a case', async () => {
  const configs = await Promise.all(cases.map(({ name }) => readConfigJson(torchFixtureFolder(name))));
  expect(new Set(configs.map((config) => config.model_type))).toEqual(new Set(modelTypes));
});

describe.each(cases)('$name computes what PyTorch computes', ({ name, task }) => {
  let fixture: TorchFixture;
  let model: Model;

  beforeAll(async () => {
    fixture = await readTorchFixture(name);
    const loaded = await loadModel(torchFixtureFolder(name), { task });
    expect(loaded.surplus).toEqual([]);
    model = loaded.model;
  });

  it('under the same class name', () => {
    expect(JSON.parse(model.configText).architectures).toEqual([model.architecture.classNames[task]]);
  });

  it('logits of every batch', async () => {
    const { graph, logits } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
    graph.output('logits', logits);
    const session = await createSession(graph, oneThread);
    for (const [index, batch] of fixture.batches.entries()) {
      const results = await session.run(new Map([...model.weights, ...feedsOf(task, batch)]));
      const expected = expectedLogits(fixture, index, task, batch);
      const data = Float64Array.from((results.get('logits')?.data ?? []) as Float32Array);
      const actual =
        task === 'causal-lm'
          ? onTokens({ shape: expected.shape, data }, batch)
          : { shape: expected.shape, data };
      expect(actual.data).toHaveLength(expected.data.length);
      expect(actual).toBeAllclose(expected, { rtol: logitsTolerance, name: `logits of batch ${index}` });
    }
    await session.dispose();
  });

  // Models are merged from fine-tuned ones; pretraining's masked rows have no Grams.
  if (task !== 'masked-lm')
    it('the Gram of every linear layer, padding left out', async () => {
      const pass = await createGramPass(model, model.weights, oneThread);
      const accumulator = createGramAccumulator(pass.panels);
      const rows = new Map<string, number>();
      for (const batch of fixture.batches) {
        const mask = batch.attention_mask.flat();
        const tokenRows = Int32Array.from(mask.flatMap((flag, row) => (flag === 1 ? [row] : [])));
        const targets = Int32Array.from(task === 'text2text' ? labelledPositions(batch) : []);
        await pass.run(feedsOf(task, batch), { tokens: tokenRows, targets });
        accumulator.drain();
        for (const group of pass.groups) {
          const more = pass.rowsOf(group, {
            tokens: tokenRows.length,
            targets: targets.length,
            sequences: batch.input_ids.length,
            batches: 1,
          });
          for (const { module } of group.layers) rows.set(module, (rows.get(module) ?? 0) + more);
        }
      }
      expect(Object.fromEntries(rows)).toEqual(fixture.rows);
      for (const group of pass.groups) {
        for (const { module } of group.layers) {
          const expected = fixture.expected.get(`gram.${module}`) as ExpectedTensor;
          const size = expected.shape[0] as number;
          const actual = { shape: [size, size], data: unpackSymmetric(accumulator.packed(group.name), size) };
          expect(actual).toBeAllclose(expected, { rtol: gramTolerance, name: `Gram of ${module}` });
        }
      }
      await pass.dispose();
    });

  describe('in training', () => {
    let weights: ParameterArena;
    let gradients: ParameterArena;
    let backward: LossAndGradients;
    let optimizer: AdamW;

    beforeAll(async () => {
      const shapes = new Map([...model.weights].map(([parameter, tensor]) => [parameter, tensor.shape]));
      weights = createArena(shapes);
      gradients = createArena(shapes);
      fillArena(weights, model.weights);
      const options = { parameters: weights.tensors, gradientArena: gradients, dropoutSeed: null };
      backward = await createLossAndGradients(model, options, oneThread);
      const { betas, epsilon, weightDecay, maxGradientNorm } = fixture.optimizer;
      const [beta1, beta2] = betas;
      optimizer = createAdamW(
        { parameters: weights, gradients },
        {
          beta1,
          beta2,
          epsilon,
          weightDecay,
          maxGradientNorm,
        },
      );
    });

    afterAll(async () => {
      await backward.dispose();
    });

    const lossOf = (index: number): Promise<number> =>
      backward.run(feedsOf(task, fixture.batches[index] as FixtureBatch));

    it('the loss of every batch', async () => {
      for (const [index, expected] of fixture.losses.entries()) {
        expect(await lossOf(index)).toBeCloseTo(expected, 5);
      }
    });

    it('the gradient of every parameter', async () => {
      await lossOf(0);
      const expected = withPrefix(fixture.expected, 'grad.');
      const largest = Math.max(...[...expected.values()].map(({ data }) => Math.max(...data.map(Math.abs))));
      const noise = { rtol: 0, atol: 1e-6 * largest };
      compareAll(gradients.tensors, expected, 'gradient of', (parameter) =>
        fixture.noiseTensors.includes(parameter) ? noise : { rtol: gradientTolerance },
      );
    });

    it('the weights, losses and gradient norms of ten AdamW steps', async () => {
      for (const [index, expected] of fixture.steps.entries()) {
        const loss = await lossOf(index % fixture.batches.length);
        const gradientNorm = optimizer.step(fixture.optimizer.learningRate);
        expect(loss, `loss of step ${index + 1}`).toBeCloseTo(expected.loss, 5);
        expect(gradientNorm / expected.gradientNorm, `gradient norm of step ${index + 1}`).toBeCloseTo(1, 5);
        const after = withPrefix(fixture.expected, `step${index + 1}.`);
        if (after.size === 0) continue;
        for (const parameter of fixture.noiseTensors) after.delete(parameter);
        compareAll(weights.tensors, after, `after step ${index + 1}`, () => ({ rtol: weightTolerance }));
      }
    });
  });
});

function compareAll(
  actual: ReadonlyMap<string, ComparableTensor>,
  expected: ReadonlyMap<string, ExpectedTensor>,
  what: string,
  toleranceOf: (name: string) => { rtol: number; atol?: number },
): void {
  expect(expected.size).toBeGreaterThan(0);
  for (const [name, tensor] of expected) {
    const found = actual.get(name);
    expect(found, `${what} ${name}`).toBeDefined();
    if (found !== undefined) {
      expect(found).toBeAllclose(tensor, { name: `${what} ${name}`, ...toleranceOf(name) });
    }
  }
}

/**
 * Logits of a batch; for masked-lm only the rows that carry a label, which are all that the engine
 * computes.
 */
function expectedLogits(
  fixture: TorchFixture,
  index: number,
  task: TaskKind,
  batch: FixtureBatch,
): ExpectedTensor {
  const logits = fixture.expected.get(`logits.${index}`) as ExpectedTensor;
  if (task === 'causal-lm') return onTokens(logits, batch);
  if (task !== 'masked-lm') return logits;
  const classes = logits.shape.at(-1) as number;
  const positions = labelledPositions(batch);
  const rows = positions.map((row) => [...logits.data.subarray(row * classes, (row + 1) * classes)]);
  return { shape: [positions.length, classes], data: Float64Array.from(rows.flat()) };
}

/** Logits without those of padding, which are each implementation's own affair. */
function onTokens({ shape, data }: ExpectedTensor, { attention_mask: mask }: FixtureBatch): ExpectedTensor {
  const classes = shape.at(-1) as number;
  const tokens = mask.flat().flatMap((flag, row) => (flag === 1 ? [row] : []));
  const rows = tokens.map((row) => [...data.subarray(row * classes, (row + 1) * classes)]);
  return { shape: [tokens.length, classes], data: Float64Array.from(rows.flat()) };
}
