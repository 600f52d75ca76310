/**
 * @file What cases of single operators are checked with: ONNX Runtime's results for the file
 *   itself, and finite differences.
 */
import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { loadModel } from '../../shared/formats/load-model.ts';
import { gradients } from '../../shared/graph/gradients.ts';
import { encodeModel, type OnnxNode, type OnnxTensor } from '../../shared/graph/onnx-schema.ts';
import * as ops from '../../shared/graph/ops/index.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../shared/models/model-graph.ts';
import { createRandom } from '../../shared/random.ts';
import { createSession, type RunTensor } from '../../shared/runtime/session.ts';
import type { TaskKind } from '../../shared/task.ts';
import { longs, networkModel, node, writeOnnxFile } from './onnx-network.ts';
import { oneThread } from './run-context.ts';

/** Nodes from `x`, [batch, seq, 4], to `logits`. */
export interface OperatorCase {
  readonly nodes: readonly OnnxNode[];
  readonly initializers?: readonly OnnxTensor[];
  readonly opset?: number;
}

const ids = { shape: [2, 5], data: Int32Array.of(1, 4, 2, 6, 0, 3, 3, 5, 1, 2) };
const feeds = new Map<string, RunTensor>([
  ['input_ids', ids],
  ['attention_mask', { shape: [2, 5], data: new Int32Array(10).fill(1) }],
  ['token_type_ids', { shape: [2, 5], data: new Int32Array(10) }],
]);
/** `logits` as the mean of a value over tokens, in files of version 18 or newer. */
export const mean = (from: string): OnnxNode =>
  node('ReduceMean', [from, 'axis1'], ['logits'], { keepdims: 0 });

/** The same in files of older versions. */
export const meanBefore18 = (from: string): OnnxNode =>
  node('ReduceMean', [from], ['logits'], { axes: [1], keepdims: 0 });

export const axis1: OnnxTensor = longs('axis1', [1]);

/** The case as a file, and the model that is read from it. */
export async function modelOf({
  nodes,
  initializers,
  opset,
}: OperatorCase): Promise<{ model: Model; bytes: Uint8Array }> {
  const onnx = networkModel(nodes, initializers, opset);
  const path = await writeOnnxFile(onnx);
  const task: TaskKind = 'text-classification';
  return { model: (await loadModel(path, { task })).model, bytes: encodeModel(onnx) };
}

/** Compares with what ONNX Runtime makes of the file itself. */
export async function expectOnnxRuntimesLogits({
  model,
  bytes,
}: {
  model: Model;
  bytes: Uint8Array;
}): Promise<void> {
  const original = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const long = new ort.Tensor('int64', BigInt64Array.from(ids.data, BigInt), ids.shape);
  const { logits: expected } = await original.run({ input_ids: long });
  const { graph, logits } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  graph.output('logits', logits);
  const session = await createSession(graph, oneThread);
  const actual = (await session.run(new Map([...model.weights, ...feeds]))).get('logits');
  expect(actual?.shape).toEqual(expected?.dims);
  for (const [at, value] of [...((expected?.data ?? []) as Float32Array)].entries()) {
    expect(Number(actual?.data[at]), `logit ${at}`).toBeCloseTo(value, 5);
  }
  await original.release();
  await session.dispose();
}

/**
 * Compares the gradient of every parameter along a random direction with the difference of two
 * runs.
 */
export async function expectSlopes(model: Model, only?: readonly string[]): Promise<void> {
  const { graph, logits, parameters } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  const random = createRandom(11);
  const columns = Number(logits.shape.at(-1));
  const factors = Float32Array.from({ length: columns }, () => 2 * random() - 1);
  const loss = ops.sumAll(ops.mul(logits, graph.constant(factors, [1, columns])));
  graph.output('loss', loss);
  const names = [...parameters.keys()];
  const targets = [...parameters.values()].map(({ value }) => value);
  for (const [at, gradient] of gradients(loss, targets).entries()) graph.output(`of ${names[at]}`, gradient);
  const session = await createSession(graph, oneThread);
  const results = await session.run(new Map([...model.weights, ...feeds]));
  for (const [name, { shape, data }] of model.weights) {
    if (only?.includes(name) === false) continue;
    const direction = data.map(() => 2 * random() - 1);
    const slope = direction.reduce((sum, d, i) => sum + d * Number(results.get(`of ${name}`)?.data[i]), 0);
    const lossAt = async (step: number): Promise<number> => {
      const moved = { shape, data: data.map((value, i) => value + step * (direction[i] as number)) };
      const outputs = await session.run(
        new Map<string, RunTensor>([...model.weights, ...feeds, [name, moved]]),
      );
      return Number(outputs.get('loss')?.data[0]);
    };
    const step = 2e-3;
    expect(slope, `slope of ${name}`).toBeCloseTo(
      ((await lossAt(step)) - (await lossAt(-step))) / (2 * step),
      2,
    );
  }
  await session.dispose();
}

/**
 * Compares a case with ONNX Runtime's results, and the gradients of its parameters with finite
 * differences.
 */
export async function checkOperator(operatorCase: OperatorCase): Promise<void> {
  const { model, bytes } = await modelOf(operatorCase);
  await expectOnnxRuntimesLogits({ model, bytes });
  await expectSlopes(model);
}
