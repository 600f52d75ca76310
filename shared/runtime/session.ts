/**
 * @file Runs a graph with ONNX Runtime. Feeds and results are typed arrays; inputs are handed over
 *   without a copy, and results can be written into arrays that the caller already has.
 */
import * as ort from 'onnxruntime-node';
import { messageOf, RegmeanError } from '../errors.ts';
import type { DType, Graph, Shape, Value } from '../graph/graph.ts';
import { encodeOnnxModel, neededNodes } from '../graph/onnx-model.ts';
import { formatShape, sizeOf, type TensorData } from '../tensor.ts';
import type { Compute } from './compute.ts';

/** A tensor fed to a run or returned by it. */
export interface RunTensor<T extends TensorData = TensorData> {
  readonly shape: readonly number[];
  readonly data: T;
}

/** A graph ready to run. Dispose of it to give its memory back. */
export interface Session {
  /** Names of the graph's outputs. */
  readonly outputs: readonly string[];
  /** The inputs that the outputs depend on: exactly these must be fed. */
  readonly inputs: readonly Value[];
  /**
   * Computes the outputs.
   *
   * @param feeds input name -> tensor; names that the outputs do not depend on are ignored
   * @param into output name -> tensor that receives the result, of exactly its shape
   * @throws naming the input that is missing or misshapen, or the node that failed
   */
  run(
    feeds: ReadonlyMap<string, RunTensor>,
    into?: ReadonlyMap<string, RunTensor>,
  ): Promise<ReadonlyMap<string, RunTensor>>;
  dispose(): Promise<void>;
}

const ortTypes: Readonly<Record<DType, ort.Tensor.Type>> = {
  float32: 'float32',
  float64: 'float64',
  int32: 'int32',
  int64: 'int64',
  bool: 'bool',
};

/** Prepares a graph's outputs for running. */
export async function createSession(graph: Graph, compute: Compute): Promise<Session> {
  const model = encodeOnnxModel(graph);
  const session = await createOrtSession(model, compute);
  const used = new Set(neededNodes(graph).flatMap((node) => node.inputs));
  for (const value of graph.outputs.values()) used.add(value);
  const inputs = graph.inputs.filter((value) => used.has(value));
  const outputs = [...graph.outputs.keys()];
  const dtypes = new Map<string, DType>(inputs.map((value) => [value.name, value.dtype]));
  for (const [name, value] of graph.outputs) dtypes.set(name, value.dtype);
  const tensorCache = new WeakMap<RunTensor, ort.Tensor>();

  const toOrt = (name: string, tensor: RunTensor): ort.Tensor => {
    const known = tensorCache.get(tensor);
    if (known !== undefined) return known;
    if (tensor.data.length !== sizeOf(tensor.shape)) {
      throw new RegmeanError(
        'invalid-input',
        `${name}: shape ${formatShape(tensor.shape)} needs ${sizeOf(tensor.shape)} elements, got ${tensor.data.length}`,
      );
    }
    const created = new ort.Tensor(ortTypes[dtypes.get(name) ?? 'float32'], tensor.data, tensor.shape);
    tensorCache.set(tensor, created);
    return created;
  };

  return {
    outputs,
    inputs,
    async run(feeds, into = new Map()) {
      const ortFeeds: Record<string, ort.Tensor> = {};
      for (const input of inputs) {
        const tensor = feeds.get(input.name);
        if (tensor === undefined) {
          throw new RegmeanError('invalid-input', `run: input ${input.name} is missing`);
        }
        checkShape(input, tensor.shape);
        ortFeeds[input.name] = toOrt(input.name, tensor);
      }
      const fetches: Record<string, ort.Tensor | null> = {};
      for (const name of outputs) {
        const target = into.get(name);
        fetches[name] = target === undefined ? null : toOrt(name, target);
      }
      let results: ort.InferenceSession.OnnxValueMapType;
      try {
        results = await session.run(ortFeeds, fetches);
      } catch (error) {
        throw new RegmeanError('numerical', describeRunError(error), { cause: error });
      }
      const named = new Map<string, RunTensor>();
      for (const name of outputs) {
        const result = results[name] as ort.Tensor;
        named.set(name, into.get(name) ?? { shape: result.dims, data: result.data as TensorData });
      }
      return named;
    },
    dispose: () => session.release(),
  };
}

async function createOrtSession(
  model: Uint8Array,
  { threads, idle }: Compute,
): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, {
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      ...(idle === undefined ? {} : { extra: { session: { intra_op: { allow_spinning: '0' } } } }),
    });
  } catch (error) {
    throw new RegmeanError('unsupported', `ONNX Runtime cannot prepare the graph: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function checkShape(input: Value, shape: readonly number[]): void {
  const fits =
    shape.length === input.shape.length &&
    input.shape.every((dim, axis) => typeof dim !== 'number' || dim === shape[axis]);
  if (!fits) {
    const expected: Shape = input.shape;
    throw new RegmeanError(
      'invalid-input',
      `run: ${input.name} must be ${formatShape(expected)}, got ${formatShape(shape)}`,
    );
  }
}

/** ONNX Runtime's message without the source lines, the node's name first. */
function describeRunError(error: unknown): string {
  const message = messageOf(error);
  const node = /Name:'([^']*)'/.exec(message)?.[1];
  const reason = message.replace(/^.*Status Message: /s, '').replace(/\/[^ ]*\.(cc|h):\d+ [^ ]* ?/g, '');
  return node === undefined ? `ONNX Runtime: ${reason}` : `ONNX Runtime: node ${node}: ${reason}`;
}
