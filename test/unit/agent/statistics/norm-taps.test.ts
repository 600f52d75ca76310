import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createGramPass } from '../../../../agent/statistics/gram-graph.ts';
import { loadModel } from '../../../../shared/formats/load-model.ts';
import { Graph, type Value } from '../../../../shared/graph/graph.ts';
import * as ops from '../../../../shared/graph/ops/index.ts';
import { axes } from '../../../../shared/models/axes.ts';
import { findNormLayers } from '../../../../shared/models/norm-layers.ts';
import type { TaskKind } from '../../../../shared/task.ts';
import { feedsOf, labelledPositions } from '../../../support/fixture-feeds.ts';
import { oneThread } from '../../../support/run-context.ts';
import {
  type ExpectedTensor,
  readExpectedTensors,
  readTorchFixture,
  torchFixtureFolder,
  withPrefix,
} from '../../../support/torch-fixture.ts';
import '../../../support/allclose.ts';

const rowsSchema = z.object({ rows: z.record(z.string(), z.record(z.string(), z.number())) });

let expected: ReadonlyMap<string, ExpectedTensor>;
let rows: z.infer<typeof rowsSchema>['rows'];
beforeAll(async () => {
  const folder = torchFixtureFolder('norms');
  expected = await readExpectedTensors(`${folder}/expected.safetensors`);
  rows = rowsSchema.parse(JSON.parse(await readFile(`${folder}/expected.json`, 'utf8'))).rows;
});

const cases: readonly (readonly [name: string, task: TaskKind, what: string])[] = [
  ['bert-text-classification', 'text-classification', 'with a mean taken off and a shift'],
  ['albert-text-classification', 'text-classification', 'that is used in every layer'],
  ['deberta-v2-text-classification', 'text-classification', 'of a table of positions too'],
  ['modernbert-text-classification', 'text-classification', 'without a shift, and of pooled rows'],
  ['modernbert-token-classification', 'token-classification', 'with a shift'],
  ['llama-causal-lm', 'causal-lm', 'by the root mean square'],
  ['qwen3-token-classification', 'token-classification', 'of every head'],
  ['t5-text2text', 'text2text', 'of texts and of targets'],
];

describe('sums of the inputs of normalisation layers, padding left out', () => {
  it.each(cases)('%s (%s): those of PyTorch, of layers %s', async (name, task) => {
    const { folder, batches } = await readTorchFixture(name);
    const { model } = await loadModel(folder, { task });
    const pass = await createGramPass(model, model.weights, oneThread, { grams: false, norms: true });
    const counts = { tokens: 0, targets: 0, sequences: 0, batches: 0 };
    for (const batch of batches) {
      const mask = batch.attention_mask.flat();
      const tokens = Int32Array.from(mask.flatMap((flag, row) => (flag === 1 ? [row] : [])));
      const targets = Int32Array.from(task === 'text2text' ? labelledPositions(batch) : []);
      await pass.run(feedsOf(task, batch), { tokens, targets });
      counts.tokens += tokens.length;
      counts.targets += targets.length;
      counts.sequences += batch.input_ids.length;
      counts.batches += 1;
    }
    await pass.dispose();
    const found = pass.normSums(counts) ?? [];
    expect(pass.panels).toEqual([]);
    expect(pass.normsLeftOut).toEqual([]);
    expect(Object.fromEntries(found.map((own) => [own.scale, own.rows]))).toEqual(rows[name]);
    const own = withPrefix(expected, `${name}.`);
    for (const { scale, shift, sums } of found) {
      const wanted = own.get(scale) as ExpectedTensor;
      expect({ shape: wanted.shape, data: sums }).toBeAllclose(wanted, { rtol: 1e-6, name: scale });
      const bias = scale.replace(/weight$/, 'bias');
      expect(shift).toBe(model.weights.has(bias) ? bias : null);
    }
  });

  it('are not there where nobody asks', async () => {
    const { folder } = await readTorchFixture('bert-text-classification');
    const { model } = await loadModel(folder, { task: 'text-classification' });
    const pass = await createGramPass(model, model.weights, oneThread);
    expect(pass.normSums({ tokens: 1, targets: 0, sequences: 1, batches: 1 })).toBeUndefined();
    await pass.dispose();
  });
});

describe('normalisation layers of a graph', () => {
  const graphOf = (build: (graph: Graph, x: Value) => void) => {
    const graph = new Graph();
    build(graph, graph.input('x', 'float32', [axes.tokens, 2]));
    const { layers, leftOut } = findNormLayers({ graph });
    return { layers: layers.map(({ scale, shift }) => [scale, shift]), leftOut };
  };

  it('are none where a scale is also something else, or shifts differ, or rows are unknown', () => {
    const found = graphOf((graph, x) => {
      const parameter = (name: string) => graph.parameter(name, [2]);
      const [used, plain] = [parameter('used'), parameter('plain')];
      ops.mul(ops.layerNormalization(x, used, null, 1e-5), used);
      ops.layerNormalization(x, plain, parameter('shift'), 1e-5);
      const twice = parameter('twice');
      ops.layerNormalization(x, twice, parameter('one'), 1e-5);
      ops.layerNormalization(x, twice, parameter('two'), 1e-5);
      ops.rmsNormalization(graph.input('y', 'float32', ['other', 2]), parameter('of strangers'), 1e-5);
    });
    expect(found).toEqual({ layers: [['plain', 'shift']], leftOut: ['used', 'twice', 'of strangers'] });
  });

  it('add what is no parameter without a shift of their own', () => {
    const found = graphOf((graph, x) => {
      const zeros = graph.constant(Float32Array.of(0, 0), [2]);
      ops.layerNormalization(x, graph.parameter('scale', [2]), zeros, 1e-5);
    });
    expect(found).toEqual({ layers: [['scale', null]], leftOut: [] });
  });
});
