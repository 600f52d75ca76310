/**
 * @file The two graphs that generate: what follows from the input once, and the step that reads one
 *   more token.
 */

import type { Shape } from '../graph/graph.ts';
import { Graph } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import type { Decoding } from '../models/architecture.ts';
import { axes } from '../models/axes.ts';
import type { ModelIdentity } from '../models/model-graph.ts';
import type { ModuleScope } from '../models/scope.ts';
import type { Compute } from '../runtime/compute.ts';
import { createSession, type RunTensor, type Session } from '../runtime/session.ts';

/** Names of values, and their tensors. */
export type NamedTensors = ReadonlyMap<string, RunTensor>;

/** The graphs of a model, ready to run. */
export interface DecodingGraphs {
  /** Whether the input is read by an encoder; otherwise it is the text that is continued. */
  readonly hasEncoder: boolean;
  /** What follows from the input, int32 [batch, seq] each: it serves every step. */
  memory(inputIds: RunTensor, attentionMask: RunTensor): Promise<NamedTensors>;
  /** The past before the first token. */
  emptyPast(rows: number): NamedTensors;
  step(inputs: StepInputs): Promise<StepOutputs>;
  dispose(): Promise<void>;
}

/** What a step reads. */
export interface StepInputs {
  /** Tokens after those of the past, int32 [rows, length]. */
  readonly tokens: RunTensor<Int32Array>;
  /** The row of the last step whose past each row continues, int32 [rows]. */
  readonly parents: RunTensor<Int32Array>;
  readonly past: NamedTensors;
  /** For every row what `memory` gave, and the encoder's mask [rows, seq]. */
  readonly memory: NamedTensors;
  readonly attentionMask: RunTensor;
}

/** What a step gives. */
export interface StepOutputs {
  /** Of each row's last token, [rows, vocab]. */
  readonly logits: Float32Array;
  readonly past: NamedTensors;
}

/** Prepares a model whose family keeps keys and values from step to step. */
export async function createDecodingGraphs(
  model: ModelIdentity,
  decoding: Decoding,
  parameters: NamedTensors,
  compute: Compute,
): Promise<DecodingGraphs> {
  const { config } = model;
  const { session: memorySession, shapes } = await createMemorySession(model, decoding, compute);
  const stepSession = await createStepSession(model, decoding, shapes, compute);
  const pastShapes = decoding.past(config);

  return {
    hasEncoder: memorySession !== null,
    async memory(inputIds, attentionMask) {
      if (memorySession === null) return new Map();
      const [batch, seq] = inputIds.shape as [number, number];
      const feeds = new Map([
        ...parameters,
        ['input_ids', inputIds] as const,
        ['attention_mask', attentionMask] as const,
        ['token_type_ids', { shape: [batch, seq], data: new Int32Array(batch * seq) }] as const,
      ]);
      return memorySession.run(feeds);
    },
    emptyPast: (rows) =>
      new Map(
        [...pastShapes].map(([name, shape]) => [
          name,
          {
            shape: shape.map((dim) => (dim === axes.batch ? rows : dim === axes.past ? 0 : Number(dim))),
            data: new Float32Array(0),
          },
        ]),
      ),
    async step({ tokens, parents, past, memory, attentionMask }) {
      const [rows, length] = tokens.shape as [number, number];
      const lastRows = Int32Array.from({ length: rows }, (_, row) => (row + 1) * length - 1);
      const feeds = new Map<string, RunTensor>([
        ...parameters,
        ['decoder_input_ids', tokens],
        ['attention_mask', attentionMask],
        ['parents', parents],
        ['last_rows', { shape: [rows], data: lastRows }],
        ...[...past].map(([name, tensor]) => [`past ${name}`, tensor] as const),
        ...[...memory].map(([name, tensor]) => [`memory ${name}`, tensor] as const),
      ]);
      const outputs = await stepSession.run(feeds);
      const logits = outputs.get('logits')?.data as Float32Array;
      const present = [...pastShapes.keys()].map(
        (name) => [name, outputs.get(`present ${name}`) as RunTensor] as const,
      );
      return { logits, past: new Map(present) };
    },
    async dispose() {
      await memorySession?.dispose();
      await stepSession.dispose();
    },
  };
}

function rootOf(graph: Graph, { updates }: Pick<ModelIdentity, 'updates'>): ModuleScope {
  return { build: { graph, dropout: null, declarations: new Map(), updates }, prefix: '', inHead: false };
}

type MemoryShapes = ReadonlyMap<string, Shape>;

/** The session of what the input gives; none for families without an encoder. */
async function createMemorySession(
  model: ModelIdentity,
  decoding: Decoding,
  compute: Compute,
): Promise<{ session: Session | null; shapes: MemoryShapes }> {
  const graph = new Graph();
  const memory = decoding.memory(rootOf(graph, model), model.config, {
    inputIds: graph.input('input_ids', 'int32', ['batch', 'seq']),
    attentionMask: graph.input('attention_mask', 'int32', ['batch', 'seq']),
    tokenTypeIds: graph.input('token_type_ids', 'int32', ['batch', 'seq']),
    decoderInputIds: null,
    features: null,
  });
  for (const [name, value] of memory) graph.output(name, value);
  const shapes = new Map([...memory].map(([name, { shape }]) => [name, shape]));
  return { session: memory.size === 0 ? null : await createSession(graph, compute), shapes };
}

function createStepSession(
  model: ModelIdentity,
  decoding: Decoding,
  memoryShapes: MemoryShapes,
  compute: Compute,
): Promise<Session> {
  const { architecture, config, task } = model;
  const graph = new Graph();
  const root = rootOf(graph, model);
  const inputIds = graph.input('decoder_input_ids', 'int32', ['batch', 'target']);
  const attentionMask = graph.input('attention_mask', 'int32', ['batch', 'seq']);
  const parents = graph.input('parents', 'int32', ['batch']);
  const lastRows = graph.input('last_rows', 'int32', ['batch']);
  const past = new Map(
    [...decoding.past(config)].map(([name, shape]) => {
      const [, ...rest] = shape;
      return [name, ops.gather(graph.input(`past ${name}`, 'float32', ['rows', ...rest]), parents)];
    }),
  );
  const memory = new Map(
    [...memoryShapes].map(([name, shape]) => [name, graph.input(`memory ${name}`, 'float32', shape)]),
  );
  const { hidden, present } = decoding.step(root, config, { inputIds, attentionMask, memory, past });
  const logits = architecture.head(root, config, ops.gather(hidden, lastRows), {
    task,
    labelCount: 0,
    maskedPositions: null,
    inputIds,
    attentionMask,
  });
  graph.output('logits', logits);
  for (const [name, value] of present) graph.output(`present ${name}`, value);
  return createSession(graph, compute);
}
