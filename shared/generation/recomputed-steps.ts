/**
 * @file Generating with a model that keeps nothing from step to step: every step reads the whole
 *   text anew.
 */
import { RegmeanError } from '../errors.ts';
import * as ops from '../graph/ops/index.ts';
import { buildModelGraph, type ModelIdentity } from '../models/model-graph.ts';
import type { Compute } from '../runtime/compute.ts';
import { createSession, type RunTensor } from '../runtime/session.ts';
import { sizeOf } from '../tensor.ts';
import type { DecodingGraphs, NamedTensors } from './decoding-graphs.ts';

/** Name of the one thing that is kept: the tokens so far, [rows, length]. */
const keptTokens = 'tokens';

/**
 * Steps of a model that has no way of its own to continue a text, such as a network from an ONNX
 * file.
 *
 * @throws RegmeanError `unsupported` when the model has no language task
 */
export async function createRecomputedSteps(
  model: ModelIdentity,
  parameters: NamedTensors,
  compute: Compute,
): Promise<DecodingGraphs> {
  const { task, architecture } = model;
  if (task !== 'text2text' && task !== 'causal-lm') {
    throw new RegmeanError(
      'unsupported',
      `${architecture.modelType}: cannot generate text, it is for ${task}`,
    );
  }
  const hasEncoder = task === 'text2text';
  const { graph, logits } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  graph.output('logits', ops.gather(logits, graph.input('last_rows', 'int32', ['rows'])));
  const session = await createSession(graph, compute);

  return {
    hasEncoder,
    memory: async (inputIds) => new Map(hasEncoder ? [['input_ids', inputIds]] : []),
    emptyPast: (rows) => new Map([[keptTokens, { shape: [rows, 0], data: new Int32Array(0) }]]),
    async step({ tokens, parents, past, memory, attentionMask }) {
      const text = continued(past.get(keptTokens), parents.data, tokens);
      const [rows, length] = text.shape as [number, number];
      const feeds = new Map<string, RunTensor>([
        ...parameters,
        ...(hasEncoder
          ? ([
              ['input_ids', memory.get('input_ids') as RunTensor],
              ['attention_mask', attentionMask],
              ['decoder_input_ids', text],
            ] as const)
          : ([
              ['input_ids', text],
              ['attention_mask', filled(text.shape, 1)],
            ] as const)),
      ]);
      const inputs = feeds.get('input_ids') as RunTensor;
      feeds.set('token_type_ids', filled(inputs.shape, 0));
      const lastRows = Int32Array.from({ length: rows }, (_, row) => (row + 1) * length - 1);
      feeds.set('last_rows', { shape: [rows], data: lastRows });
      const outputs = await session.run(feeds);
      return {
        logits: outputs.get('logits')?.data as Float32Array,
        past: new Map([[keptTokens, text]]),
      };
    },
    dispose: () => session.dispose(),
  };
}

/** Every row's text so far, that of its parent, with its new tokens behind it. */
function continued(
  before: RunTensor | undefined,
  parents: Int32Array,
  tokens: RunTensor<Int32Array>,
): RunTensor<Int32Array> {
  const [rows = 0, added = 0] = tokens.shape;
  const kept = before?.shape[1] ?? 0;
  const old = (before?.data ?? new Int32Array(0)) as Int32Array;
  const length = kept + added;
  const data = new Int32Array(rows * length);
  for (let row = 0; row < rows; row++) {
    const parent = parents[row] ?? row;
    data.set(old.subarray(parent * kept, (parent + 1) * kept), row * length);
    data.set(tokens.data.subarray(row * added, (row + 1) * added), row * length + kept);
  }
  return { shape: [rows, length], data };
}

function filled(shape: readonly number[], value: number): RunTensor<Int32Array> {
  return { shape, data: new Int32Array(sizeOf(shape)).fill(value) };
}
