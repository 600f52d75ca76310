import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createGramAccumulator } from '../../../agent/statistics/gram-accumulator.ts';
import { createGramPass } from '../../../agent/statistics/gram-graph.ts';
import { adamWDefaults, createAdamW } from '../../../agent/training/adamw.ts';
import { createArena, fillArena } from '../../../agent/training/parameter-arena.ts';
import { createLossAndGradients } from '../../../agent/training/train-step.ts';
import { unpackSymmetric } from '../../../shared/contribution/gram-packing.ts';
import { loadModel } from '../../../shared/formats/load-model.ts';
import type { Model } from '../../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import { createSession, type RunTensor } from '../../../shared/runtime/session.ts';
import { oneThread } from '../../support/run-context.ts';
import '../../support/allclose.ts';
import { feedsOf } from '../../support/fixture-feeds.ts';
import { type ExpectedTensor, readExpectedTensors } from '../../support/torch-fixture.ts';

const rows = z.array(z.array(z.number()));
const factsSchema = z.object({
  task: z.enum(['text-classification', 'token-classification']),
  losses: z.array(z.number()),
  rows: z.record(z.string(), z.number()),
  labels: z.union([z.array(z.number()), rows]),
  input_ids: rows,
  attention_mask: rows,
  token_type_ids: rows.optional(),
});

const at = (file: string): string => fileURLToPath(new URL(`../../fixtures/onnx/${file}`, import.meta.url));

/** Its linear layers. */
const layersOf = {
  encoder: [
    'attention.query',
    'attention.key',
    'attention.value',
    'attention.output',
    'up',
    'down',
    'pooler',
    'classifier',
  ],
  'mean-pooled': ['first', 'second'],
  'torch-encoder': ['layer.self_attn.out_proj', 'layer.linear1', 'layer.linear2', 'tags'],
  recurrent: ['project', 'classifier'],
  convolution: ['classifier'],
  functions: ['first.dense', 'second.dense', 'tags'],
} as const;

describe.each(Object.entries(layersOf))(
  '%s.onnx, exported by PyTorch, computes what PyTorch computes',
  (name, layers) => {
    let facts: z.infer<typeof factsSchema>;
    let expected: ReadonlyMap<string, ExpectedTensor>;
    let model: Model;
    let feeds: Map<string, RunTensor>;

    beforeAll(async () => {
      facts = factsSchema.parse(JSON.parse(await readFile(at(`${name}.expected.json`), 'utf8')));
      expected = await readExpectedTensors(at(`${name}.expected.safetensors`));
      model = (await loadModel(at(`${name}.onnx`), { task: facts.task })).model;
      feeds = feedsOf(facts.task, facts);
    });

    it('logits', async () => {
      const { graph, logits } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
      graph.output('logits', logits);
      const session = await createSession(graph, oneThread);
      const results = await session.run(new Map([...model.weights, ...feeds]));
      const wanted = expected.get('logits') as ExpectedTensor;
      const actual = { shape: wanted.shape, data: results.get('logits')?.data ?? [] };
      expect(actual).toBeAllclose(wanted, { rtol: 1e-5, name: 'logits' });
      await session.dispose();
    });

    it('the Gram of every linear layer, under PyTorch’s names', async () => {
      const pass = await createGramPass(model, model.weights, oneThread);
      const accumulator = createGramAccumulator(pass.panels);
      const mask = facts.attention_mask.flat();
      const tokens = Int32Array.from(mask.flatMap((flag, row) => (flag === 1 ? [row] : [])));
      await pass.run(feeds, { tokens, targets: new Int32Array(0) });
      accumulator.drain();
      const found = pass.groups.flatMap((group) => group.layers.map(({ module }) => module));
      expect(found).toEqual(expect.arrayContaining([...layers]));
      for (const group of pass.groups) {
        for (const { module } of group.layers) {
          const wanted = expected.get(`gram.${module}`);
          if (wanted === undefined) continue;
          const size = wanted.shape[0] as number;
          const actual = { shape: [size, size], data: unpackSymmetric(accumulator.packed(group.name), size) };
          expect(actual).toBeAllclose(wanted, { rtol: 1e-5, name: `Gram of ${module}` });
          const counts = { tokens: tokens.length, targets: 0, sequences: facts.input_ids.length, batches: 1 };
          expect(pass.rowsOf(group, counts), `rows of ${module}`).toBe(facts.rows[module]);
        }
      }
      await pass.dispose();
    });

    it('gradients, losses and steps of training', async () => {
      const frozen = name === 'recurrent' ? /^(words|project|window|onnx::)/ : /^$/;
      const trained = [...model.weights].filter(([parameter]) => !frozen.test(parameter));
      const shapes = new Map(trained.map(([parameter, tensor]) => [parameter, tensor.shape]));
      const arena = createArena(shapes);
      const gradientArena = createArena(shapes);
      fillArena(arena, model.weights);
      const parameters = new Map([...model.weights, ...arena.tensors]);
      const backward = await createLossAndGradients(
        model,
        { parameters, gradientArena, dropoutSeed: null },
        oneThread,
      );
      const optimizer = createAdamW({ parameters: arena, gradients: gradientArena }, adamWDefaults);
      const { parameters: declared } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
      for (const [step, wanted] of facts.losses.entries()) {
        // Only the first loss is PyTorch's where it trains more parameters.
        if (name === 'recurrent' && step > 0) break;
        expect(await backward.run(feeds)).toBeCloseTo(wanted, 5);
        if (step === 0) compareGradients();
        optimizer.step(1e-3);
      }
      await backward.dispose();

      function compareGradients(): void {
        let compared = 0;
        for (const [parameter, { shape, data }] of gradientArena.tensors) {
          const module = declared.get(parameter)?.module;
          const own = expected.get(`grad.${parameter}`);
          const wanted = own ?? expected.get(`grad.${module}.weight`);
          if (wanted === undefined) throw new Error(`${parameter} (${module}) has no counterpart`);
          const actual = own === undefined ? transposed(shape, data) : { shape, data };
          // Keys' biases have no gradient but rounding.
          expect(actual).toBeAllclose(wanted, { rtol: 1e-4, atol: 1e-6, name: `gradient of ${parameter}` });
          compared++;
        }
        expect(compared).toBe(trained.length);
      }
    });
  },
);

function transposed(shape: readonly number[], data: Float32Array): { shape: number[]; data: Float32Array } {
  const [rows = 0, columns = 0] = shape;
  const flipped = data.map((_, at) => data[(at % rows) * columns + Math.floor(at / rows)] as number);
  return { shape: [columns, rows], data: flipped };
}

it('names every operator without a gradient that is in the way of training', async () => {
  const { model } = await loadModel(at('recurrent.onnx'), { task: 'text-classification' });
  const shapes = new Map([...model.weights].map(([parameter, tensor]) => [parameter, tensor.shape]));
  const options = { parameters: model.weights, gradientArena: createArena(shapes), dropoutSeed: null };
  await expect(createLossAndGradients(model, options, oneThread)).rejects.toThrow(
    'gradients: LSTM (/window/LSTM) has no gradient rule',
  );
});
