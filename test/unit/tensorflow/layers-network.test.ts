import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Variable } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectLayersGrams } from '../../../agent/tensorflow/collect-grams.ts';
import { lossOf } from '../../../agent/tensorflow/training-step.ts';
import { unpackSymmetric } from '../../../shared/contribution/gram-packing.ts';
import { collate } from '../../../shared/examples/collate.ts';
import type { EncodedExample } from '../../../shared/examples/example.ts';
import { gradients } from '../../../shared/graph/gradients.ts';
import { Graph, type Value } from '../../../shared/graph/graph.ts';
import * as ops from '../../../shared/graph/ops/index.ts';
import { createLayersPredictor } from '../../../shared/inference/layers-predictor.ts';
import { axes } from '../../../shared/models/axes.ts';
import { crossEntropy } from '../../../shared/models/loss.ts';
import { createSession, type RunTensor } from '../../../shared/runtime/session.ts';
import type { StateDict } from '../../../shared/tensor.ts';
import { loadTensorFlow } from '../../../shared/tensorflow/library.ts';
import { loadLayersModel } from '../../../shared/tensorflow/load-layers-model.ts';
import { weightsOf } from '../../../shared/tensorflow/network.ts';
import { oneThread, quietContext } from '../../support/run-context.ts';
import '../../support/allclose.ts';
import { type TinyLayersModel, writeTinyLayersModel } from '../../support/tiny-layers-model.ts';
import { toyRows } from '../../support/tiny-model.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-tensorflow-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
const write = (options: TinyLayersModel = {}): Promise<string> =>
  writeTinyLayersModel(join(folder, `model-${count++}`), options);

/** Examples of several lengths, of token ids from 1: 0 is padding. */
function examplesOf(number: number): EncodedExample[] {
  return toyRows('text-classification', number, 3).map(({ input_ids, label }, row) => ({
    inputIds: Int32Array.from(input_ids),
    tokenTypeIds: new Int32Array(input_ids.length),
    attentionMask: new Int32Array(input_ids.length).fill(1),
    labels: { kind: 'class', id: label === 'warm' ? 1 : 0 },
    wordPositions: null,
    source: { file: 'rows.jsonl', row: row + 1 },
  }));
}

const unlabelled = (examples: readonly EncodedExample[]): EncodedExample[] =>
  examples.map((example) => ({ ...example, labels: null }));

/** The same network in this project's graph: every parameter [in, out], as Keras stores it. */
function graphOf(weights: StateDict): {
  graph: Graph;
  logits: Value;
  loss: Value;
  parameters: Map<string, Value>;
} {
  const graph = new Graph();
  const ids = graph.input('input_ids', 'int32', ['batch', 'seq']);
  const labels = graph.input('labels', 'int32', ['batch']);
  const parameters = new Map(
    [...weights].map(([name, { shape }]) => [name, graph.parameter(name, shape)] as const),
  );
  const parameter = (name: string): Value => parameters.get(name) as Value;
  const dense = (name: string, x: Value): Value =>
    ops.gemm(x, parameter(`${name}/kernel`), {
      transA: false,
      transB: false,
      bias: parameter(`${name}/bias`),
    });
  const embedded = ops.reshape(ops.gather(parameter('words/embeddings'), ids), [axes.tokens, 6]);
  const sum = ops.add(ops.tanh(dense('left', embedded)), dense('right', embedded));
  const tokens = ops.cast(ops.sizeOfAxis(ids, 1), 'float32');
  const total = ops.reduceSum(ops.reshape(sum, [axes.batch, axes.seq, 5]), [1], true);
  const logits = dense('head', ops.div(ops.reshape(total, [axes.batch, 5]), tokens));
  return { graph, logits, loss: crossEntropy(logits, labels), parameters };
}

describe('a LayersModel', () => {
  it("has the logits, the loss and every gradient that this project's engine computes", async () => {
    const { network } = await loadLayersModel(await write(), 'text-classification', quietContext);
    const { core } = network.tensorFlow;
    const batch = collate(examplesOf(5), [0, 1, 2, 3, 4], network.inputs, 'text-classification');
    const variables = [...network.variables.values()];
    const { value, grads } = core.variableGrads(
      () => lossOf(network, 'text-classification', batch),
      variables,
    );

    const weights = weightsOf(network);
    const { graph, loss, parameters } = graphOf(weights);
    graph.output('loss', loss);
    const names = [...parameters.keys()];
    for (const [index, gradient] of gradients(loss, [...parameters.values()]).entries()) {
      graph.output(`gradient of ${names[index]}`, gradient);
    }
    const session = await createSession(graph, oneThread);
    const shape = [batch.batchSize, batch.seqLength];
    const results = await session.run(
      new Map<string, RunTensor>([
        ...weights,
        ['input_ids', { shape, data: batch.inputIds }],
        ['labels', { shape: [batch.batchSize], data: batch.labels as Int32Array }],
      ]),
    );
    await session.dispose();
    expect(value.dataSync()[0]).toBeCloseTo(results.get('loss')?.data[0] as number, 5);
    for (const [name, variable] of network.variables) {
      const expected = results.get(`gradient of ${name}`) as { shape: readonly number[]; data: Float32Array };
      const actual = grads[(variable as Variable).name];
      expect({ shape: actual?.shape ?? [], data: actual?.dataSync() ?? [] }).toBeAllclose(expected, {
        rtol: 1e-5,
        name: `gradient of ${name}`,
      });
    }
  });

  it.each([
    ['softmax', 'text-classification'],
    ['sigmoid', 'multi-label-classification'],
  ] as const)(
    'that ends with %s gives the logits of the same weights without it',
    async (activation, task) => {
      const examples = unlabelled(examplesOf(4));
      const logitsOf = async (options: TinyLayersModel): Promise<number[]> => {
        const { network } = await loadLayersModel(await write(options), task, quietContext);
        const logits = await createLayersPredictor(network, task).predict(
          examples,
          { batchSize: 2 },
          quietContext,
        );
        return logits.flatMap((own) => {
          if (task !== 'text-classification') return [...own];
          const sum = Math.log(own.reduce((total, logit) => total + Math.exp(logit), 0));
          return [...own].map((logit) => logit - sum);
        });
      };
      const plain = await logitsOf({});
      for (const [at, logit] of (await logitsOf({ activation })).entries())
        expect(logit).toBeCloseTo(plain[at] ?? 0, 4);
    },
  );

  it('says for regression what its own output is, and is trained on that, whatever it ends with', async () => {
    const path = await write({ outputs: 1, activation: 'sigmoid' });
    const { network } = await loadLayersModel(path, 'regression', quietContext);
    const { core } = network.tensorFlow;
    const [example] = examplesOf(1).map((own) => ({
      ...own,
      labels: { kind: 'value', value: 0.25 } as const,
    }));
    if (example === undefined) throw new Error('toyRows must give a row');
    const ids = core.tensor2d(example.inputIds, [1, example.inputIds.length], 'int32');
    const output = network.model.predict(ids);
    const value = (Array.isArray(output) ? output[0] : output)?.dataSync()[0] ?? Number.NaN;
    const [predicted] = await createLayersPredictor(network, 'regression').predict(
      [example],
      { batchSize: 1 },
      quietContext,
    );
    expect(value).toBeGreaterThan(0);
    expect(predicted?.[0]).toBeCloseTo(value, 6);
    const batch = collate([example], [0], network.inputs, 'regression');
    expect(lossOf(network, 'regression', batch).dataSync()[0]).toBeCloseTo((value - 0.25) ** 2, 6);
  });

  it('gives an example the logits that it has alone, although its pooling would count padding', async () => {
    const { network } = await loadLayersModel(await write(), 'text-classification', quietContext);
    const predictor = createLayersPredictor(network, 'text-classification');
    const examples = unlabelled(examplesOf(6));
    const together = await predictor.predict(examples, { batchSize: 6 }, quietContext);
    for (const [index, example] of examples.entries()) {
      expect(await predictor.predict([example], { batchSize: 1 }, quietContext)).toEqual([together[index]]);
    }
  });

  it('gives each Dense layer the Gram of the rows it reads, padding left out, shared inputs once', async () => {
    const { network } = await loadLayersModel(await write(), 'text-classification', quietContext);
    const examples = examplesOf(7);
    const options = { batches: 10, batchSize: 3, seed: 1 };
    const collected = await collectLayersGrams(
      network,
      'text-classification',
      examples,
      options,
      quietContext,
    );
    expect(collected.layers).toEqual(
      new Map([
        ['left', 'left'],
        ['right', 'left'],
        ['head', 'head'],
      ]),
    );
    expect(collected.weights.get('head')).toEqual({ parameter: 'head/kernel', orientation: 'in-out' });
    const table = weightsOf(network).get('words/embeddings')?.data ?? new Float32Array();
    const expected = new Float64Array(36);
    let rows = 0;
    for (const id of examples.flatMap(({ inputIds }) => [...inputIds])) {
      const x = table.subarray(id * 6, id * 6 + 6);
      for (let i = 0; i < 36; i++)
        expected[i] = (expected[i] ?? 0) + (x[Math.floor(i / 6)] ?? 0) * (x[i % 6] ?? 0);
      rows++;
    }
    const [left, head] = collected.grams;
    expect({ left: left?.rows, head: head?.rows }).toEqual({ left: rows, head: 7 });
    expect({ shape: [6, 6], data: unpackSymmetric(left?.packed ?? new Float32Array(), 6) }).toBeAllclose(
      { shape: [6, 6], data: expected },
      { rtol: 1e-5, name: 'Gram' },
    );
  });

  it('of a fixed length reads rows padded to it, and has one output per token where it is built so', async () => {
    const { network } = await loadLayersModel(
      await write({ length: 9, perToken: true }),
      'token-classification',
      quietContext,
    );
    expect(network.inputs.maxLength).toBe(9);
    const [first] = await createLayersPredictor(network, 'token-classification').predict(
      unlabelled(examplesOf(2)),
      { batchSize: 2 },
      quietContext,
    );
    expect(first).toHaveLength((examplesOf(1)[0]?.inputIds.length ?? 0) * 2);
  });

  it('is refused where it does not fit, saying why', async () => {
    const path = await write();
    await expect(loadLayersModel(path, 'token-classification', quietContext)).rejects.toThrow(
      'needs one output [batch, tokens, labels], got [batch, 2]',
    );
    await expect(loadLayersModel(path, 'text-classification', quietContext, ['a', 'b', 'c'])).rejects.toThrow(
      'has 2 outputs',
    );
    await expect(loadLayersModel(path, 'causal-lm', quietContext)).rejects.toThrow(
      'cannot be used for causal-lm',
    );
    expect(await readdir(path)).toEqual(['group1-shard1of1.bin', 'model.json']);
  });

  it('needs TensorFlow.js to be installed, and says how', async () => {
    const importModule = (name: string): Promise<unknown> =>
      Promise.reject(new Error(`Cannot find package ${name}`));
    await expect(loadTensorFlow(quietContext, importModule)).rejects.toMatchObject({
      message: expect.stringContaining('is not installed'),
      hint: expect.stringContaining('npm install @tensorflow/tfjs-core'),
    });
  });
});
