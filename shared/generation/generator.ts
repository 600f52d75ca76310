/**
 * @file Generates texts: the answer to an input (encoder-decoder models), or what follows it
 *   (decoders).
 */
import { RegmeanError } from '../errors.ts';
import { type EvaluationOptions, resultsOf } from '../examples/batches-of.ts';
import type { Batch, EncodedExample } from '../examples/example.ts';
import { lengthsOf, planEvaluationBatches } from '../examples/plan-batches.ts';
import type { InputSpec } from '../models/input-spec.ts';
import type { ModelIdentity } from '../models/model-graph.ts';
import type { Compute } from '../runtime/compute.ts';
import { type RunContext, stopIfAsked } from '../runtime/run-context.ts';
import type { RunTensor } from '../runtime/session.ts';
import { sizeOf } from '../tensor.ts';
import { createDecodingGraphs, type DecodingGraphs, type NamedTensors } from './decoding-graphs.ts';
import { createRecomputedSteps } from './recomputed-steps.ts';
import { createSearch, type Search } from './search.ts';

/** How texts are generated. */
export interface GenerationOptions extends EvaluationOptions {
  /** Texts that are followed at once; 1 takes the most probable token each time. */
  readonly beams: number;
  /** Text that continues its input ends sooner where the model has no positions for more. */
  readonly maxNewTokens: number;
  /** Exponent of the length that texts are compared by, of several beams; 1 when absent. */
  readonly lengthPenalty?: number;
}

/** A model ready to generate. */
export interface Generator {
  /**
   * @returns the tokens of each example's text, in the order of `examples`, without start and end
   *   token
   */
  generate(
    examples: readonly EncodedExample[],
    options: GenerationOptions,
    context: RunContext,
  ): Promise<readonly Int32Array[]>;
  dispose(): Promise<void>;
}

/**
 * Prepares a model for generating.
 *
 * @param parameters every parameter of the model; read at each run, so updates in place take effect
 * @throws RegmeanError `unsupported` when the model has no language task
 */
export async function createGenerator(
  model: ModelIdentity,
  parameters: NamedTensors,
  compute: Compute,
): Promise<Generator> {
  const { decoding } = model.architecture;
  const graphs =
    decoding === undefined
      ? await createRecomputedSteps(model, parameters, compute)
      : await createDecodingGraphs(model, decoding, parameters, compute);
  return {
    generate(examples, options, context) {
      const { batchSize, name = 'generating' } = options;
      // Of equal length where the input itself is continued, so that nothing is padded before a new
      // token.
      const plan = planEvaluationBatches(lengthsOf(examples), batchSize, !graphs.hasEncoder);
      const pass = { name, plan, task: model.task, inputs: model.config.inputs };
      return resultsOf(examples.map(unlabelled), pass, context, (batch) =>
        generateBatch(graphs, model, batch, { ...options, name }, context),
      );
    },
    dispose: graphs.dispose,
  };
}

async function generateBatch(
  graphs: DecodingGraphs,
  model: ModelIdentity,
  { batchSize, seqLength, ...batch }: Batch,
  { beams, maxNewTokens, lengthPenalty = 1, name }: GenerationOptions,
  context: RunContext,
): Promise<readonly Int32Array[]> {
  const { config } = model;
  const shape = [batchSize, seqLength];
  const attentionMask: RunTensor = { shape, data: batch.attentionMask };
  const memory = await graphs.memory({ shape, data: batch.inputIds }, attentionMask);
  const fixed = { memory: repeatRows(memory, beams), attentionMask: repeat(attentionMask, beams) };
  const endTokenIds = endTokensOf(config.inputs);
  const searches = Array.from({ length: batchSize }, () =>
    createSearch({ beams, lengthPenalty, endTokenIds }),
  );
  const rows = batchSize * beams;
  let tokens = graphs.hasEncoder
    ? { shape: [rows, 1], data: new Int32Array(rows).fill(startTokenOf(model)) }
    : (repeat({ shape, data: batch.inputIds }, beams) as RunTensor<Int32Array>);
  let parents = Int32Array.from({ length: rows }, (_, row) => row);
  let past = graphs.emptyPast(rows);
  const finished = new Set<Search>();
  const room = graphs.hasEncoder ? Number.POSITIVE_INFINITY : config.inputs.maxLength - seqLength;
  const most = Math.min(maxNewTokens, room);

  for (let step = 0; step < most; step++) {
    stopIfAsked(context, () => `${name}: stopped after ${step} of at most ${most} tokens`);
    const outputs = await graphs.step({ ...fixed, tokens, parents: { shape: [rows], data: parents }, past });
    past = outputs.past;
    const vocabSize = outputs.logits.length / rows;
    const next = new Int32Array(rows).fill(config.inputs.padTokenId);
    parents = Int32Array.from({ length: rows }, (_, row) => row);
    for (const [index, search] of searches.entries()) {
      if (finished.has(search)) continue;
      const first = index * beams;
      const logits = outputs.logits.subarray(first * vocabSize, (first + beams) * vocabSize);
      const continuation = search.advance(logits);
      if (continuation === null) finished.add(search);
      next.set(continuation?.tokens ?? [], first);
      parents.set(continuation?.parents.map((row) => first + row) ?? [], first);
    }
    if (finished.size === searches.length) break;
    tokens = { shape: [rows, 1], data: next };
  }
  return searches.map((search) => search.best());
}

/** The example without its target, which generating must not read. */
function unlabelled({ decoderInputIds: _, ...rest }: EncodedExample): EncodedExample {
  return { ...rest, labels: null };
}

/** Tokens that end a text, as `generate` of `transformers` has them. */
function endTokensOf({ generation, endTokenIds = [] }: InputSpec): readonly number[] {
  return generation?.endTokenIds ?? endTokenIds;
}

function startTokenOf({ config, architecture }: ModelIdentity): number {
  const start = config.inputs.generation?.startTokenId ?? config.inputs.decoderStartTokenId;
  if (start !== undefined) return start;
  throw new RegmeanError('invalid-input', `${architecture.modelType}: decoder_start_token_id must be given`);
}

function repeatRows(tensors: NamedTensors, times: number): NamedTensors {
  return new Map([...tensors].map(([name, tensor]) => [name, repeat(tensor, times)]));
}

/** Every row of the first axis `times` times in succession. */
function repeat(tensor: RunTensor, times: number): RunTensor {
  if (times === 1) return tensor;
  const [rows = 0, ...rest] = tensor.shape;
  const size = sizeOf(rest);
  const source = tensor.data as Float32Array;
  const data = new (source.constructor as Float32ArrayConstructor)(rows * times * size);
  for (let row = 0; row < rows * times; row++) {
    const from = Math.floor(row / times) * size;
    data.set(source.subarray(from, from + size), row * size);
  }
  return { shape: [rows * times, ...rest], data };
}
