/**
 * @file T5 1.0 and 1.1 (Raffel et al., 2020; Shazeer, 2020), top to bottom: an encoder and a
 *   decoder whose blocks normalise before each part, have no biases, and share one relative
 *   position bias per stack. Parameter names are Hugging Face's.
 */

import { RegmeanError } from '../errors.ts';
import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { multiplied, type Size } from '../graph/sizes.ts';
import { z } from '../zod.ts';
import type { Architecture, BackboneInputs, DecodingInputs, ModelConfig } from './architecture.ts';
import { activation, additiveMask, attend, causalMask, splitHeads } from './attention.ts';
import { axes } from './axes.ts';
import { layerCount, parseConfigJson, tableSize } from './config.ts';
import { type RelativeBuckets, relativeBias } from './relative-bias.ts';
import { at, dropout, inBase, linearWithoutBias, type ModuleScope, parameter, rmsNorm } from './scope.ts';

const t5ConfigSchema = z.object({
  vocab_size: z.int().positive(),
  d_model: z.int().positive(),
  d_kv: z.int().positive(),
  d_ff: z.int().positive(),
  num_layers: layerCount,
  num_decoder_layers: layerCount.nullish(),
  num_heads: z.int().positive(),
  relative_attention_num_buckets: z.int().min(4).default(32),
  relative_attention_max_distance: tableSize.default(128),
  dropout_rate: z.number().min(0).max(1).default(0.1),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  initializer_factor: z.number().positive().default(1),
  feed_forward_proj: z.string().default('relu'),
  dense_act_fn: z.string().optional(),
  is_gated_act: z.boolean().optional(),
  tie_word_embeddings: z.boolean().default(true),
  scale_decoder_outputs: z.boolean().nullish(),
  n_positions: z.int().positive().default(512),
  pad_token_id: z.int().nonnegative().default(0),
  decoder_start_token_id: z.int().nonnegative().optional(),
  eos_token_id: z.union([z.int().nonnegative(), z.array(z.int().nonnegative())]).default(1),
});

interface T5Config extends ModelConfig {
  readonly headSize: number;
  readonly heads: number;
  readonly feedForwardSize: number;
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  readonly buckets: number;
  readonly maxDistance: number;
  readonly dropout: number;
  readonly epsilon: number;
  readonly activation: string;
  /** Whether the feed-forward block has a gate (T5 1.1). */
  readonly gated: boolean;
  /** Whether the language-model head is the word embeddings (T5 1.0). */
  readonly tied: boolean;
  /** Whether hidden states are divided by sqrt(d_model) before the language-model head (T5 1.0). */
  readonly scaled: boolean;
}

function parseT5Config(json: unknown): T5Config {
  const raw = parseConfigJson(t5ConfigSchema, json, ['scale_decoder_outputs']);
  const [, gate, name] = /^(gated-)?(.+)$/.exec(raw.feed_forward_proj) ?? [];
  if (name === undefined) {
    throw new RegmeanError('invalid-input', 'config.json: feed_forward_proj must name an activation');
  }
  return {
    inputs: {
      vocabSize: raw.vocab_size,
      maxLength: raw.n_positions,
      padTokenId: raw.pad_token_id,
      decoderStartTokenId: raw.decoder_start_token_id ?? raw.pad_token_id,
      endTokenIds: [raw.eos_token_id].flat(),
    },
    hiddenSize: raw.d_model,
    initializerRange: raw.initializer_factor / Math.sqrt(raw.d_model),
    headSize: raw.d_kv,
    heads: raw.num_heads,
    feedForwardSize: raw.d_ff,
    encoderLayers: raw.num_layers,
    decoderLayers: raw.num_decoder_layers ?? raw.num_layers,
    buckets: raw.relative_attention_num_buckets,
    maxDistance: raw.relative_attention_max_distance,
    dropout: raw.dropout_rate,
    epsilon: raw.layer_norm_epsilon,
    // `feed_forward_proj` in two fields, which transformers 5 writes beside it, and which hold.
    activation: raw.dense_act_fn ?? (raw.feed_forward_proj === 'gated-gelu' ? 'gelu_new' : name),
    gated: raw.is_gated_act ?? gate !== undefined,
    tied: raw.tie_word_embeddings,
    // Before transformers 5 one field said both.
    scaled:
      raw.scale_decoder_outputs === undefined ? raw.tie_word_embeddings : raw.scale_decoder_outputs === true,
  };
}

/** Keys and values of an attention block, [batch, heads, keys, headSize] each. */
interface KeysAndValues {
  readonly key: Value;
  readonly value: Value;
}

/**
 * The keys and values that an attention block makes of hidden states, [batch*length, hiddenSize].
 */
function keysAndValues(
  scope: ModuleScope,
  { heads, headSize }: T5Config,
  hidden: Value,
  length: Size,
): KeysAndValues {
  const project = (name: string): Value =>
    splitHeads(linearWithoutBias(scope, name, hidden, heads * headSize), length, heads);
  return { key: project('k'), value: project('v') };
}

/**
 * `T5Attention`, without keys' and values' projections. T5 does not scale scores. [batch*length,
 * hiddenSize] in and out.
 */
function t5Attention(
  scope: ModuleScope,
  config: T5Config,
  hidden: Value,
  length: Size,
  { key, value }: KeysAndValues,
  bias: Value,
): Value {
  const { heads, headSize } = config;
  const query = splitHeads(linearWithoutBias(scope, 'q', hidden, heads * headSize), length, heads);
  const context = attend(scope, query, key, value, bias, config.dropout);
  return linearWithoutBias(scope, 'o', context, config.hiddenSize);
}

/** `T5LayerFF`: RMS norm, feed-forward block, residual. [rows, hiddenSize] in and out. */
function t5FeedForward(scope: ModuleScope, config: T5Config, hidden: Value): Value {
  const normed = rmsNorm(scope, 'layer_norm', hidden, config.epsilon);
  const dense = at(scope, 'DenseReluDense');
  const act = activation(config.activation);
  const wide = config.gated
    ? ops.mul(
        act(linearWithoutBias(dense, 'wi_0', normed, config.feedForwardSize)),
        linearWithoutBias(dense, 'wi_1', normed, config.feedForwardSize),
      )
    : act(linearWithoutBias(dense, 'wi', normed, config.feedForwardSize));
  const narrow = linearWithoutBias(dense, 'wo', dropout(dense, wide, config.dropout), config.hiddenSize);
  return ops.add(hidden, dropout(scope, narrow, config.dropout));
}

function words(scope: ModuleScope, { inputs, hiddenSize }: T5Config): Value {
  return parameter(at(scope, 'shared'), 'weight', [inputs.vocabSize, hiddenSize], 'normal');
}

function embed(scope: ModuleScope, config: T5Config, ids: Value, length: Size): Value {
  const embedded = ops.gather(words(scope, config), ids);
  return dropout(
    scope,
    ops.reshape(embedded, [multiplied([axes.batch, length]), config.hiddenSize]),
    config.dropout,
  );
}

function stackBias(
  scope: ModuleScope,
  config: T5Config,
  positions: { readonly queries: Value; readonly keys: Value },
  bidirectional: boolean,
): Value {
  const { buckets, maxDistance } = config;
  const first = at(scope, 'block.0.layer.0.SelfAttention');
  const divided: RelativeBuckets = { buckets, maxDistance, bidirectional };
  return relativeBias(first, 'relative_attention_bias', positions, config.heads, divided);
}

/** The encoder: [batch, seq] token ids to [batch*seq, hiddenSize]. */
function t5Encoder(
  root: ModuleScope,
  config: T5Config,
  { inputIds, attentionMask }: Pick<BackboneInputs, 'inputIds' | 'attentionMask'>,
): Value {
  const scope = at(root, 'encoder');
  let hidden = embed(root, config, inputIds, axes.seq);
  const positions = ops.positionsOf(inputIds, 1);
  const relative = stackBias(scope, config, { queries: positions, keys: positions }, true);
  const bias = ops.add(relative, additiveMask(attentionMask));
  for (let layer = 0; layer < config.encoderLayers; layer++) {
    const block = at(scope, `block.${layer}`);
    const self = at(block, 'layer.0');
    const normed = rmsNorm(self, 'layer_norm', hidden, config.epsilon);
    const attention = at(self, 'SelfAttention');
    const own = keysAndValues(attention, config, normed, axes.seq);
    const attended = t5Attention(attention, config, normed, axes.seq, own, bias);
    hidden = t5FeedForward(
      at(block, 'layer.1'),
      config,
      ops.add(hidden, dropout(self, attended, config.dropout)),
    );
  }
  return dropout(scope, rmsNorm(scope, 'final_layer_norm', hidden, config.epsilon), config.dropout);
}

/** Names of what a decoder block keeps while it generates. */
const keptName = (layer: number, part: 'key' | 'value'): string => `decoder.block.${layer}.${part}`;

/**
 * Keys and values of the encoder's output for every decoder block: they are the same for all tokens
 * of the target.
 */
function crossKeysAndValues(root: ModuleScope, config: T5Config, encoded: Value): ReadonlyMap<string, Value> {
  const entries = Array.from({ length: config.decoderLayers }, (_, layer) => {
    const scope = at(root, `decoder.block.${layer}.layer.1.EncDecAttention`);
    const { key, value } = keysAndValues(scope, config, encoded, axes.seq);
    return [
      [keptName(layer, 'key'), key],
      [keptName(layer, 'value'), value],
    ] as const;
  });
  return new Map(entries.flat());
}

function kept(values: ReadonlyMap<string, Value>, layer: number, part: 'key' | 'value'): Value {
  const value = values.get(keptName(layer, part));
  if (value === undefined) throw new RegmeanError('invalid-input', `t5: ${keptName(layer, part)} is missing`);
  return value;
}

/**
 * The decoder, over all tokens of the target or over those after `past`.
 *
 * @returns hidden states, [batch*target, hiddenSize], and the keys and values of all tokens so far
 */
function t5Decoder(
  root: ModuleScope,
  config: T5Config,
  inputs: DecodingInputs,
): { readonly hidden: Value; readonly present: ReadonlyMap<string, Value> } {
  const scope = at(root, 'decoder');
  const { inputIds, past, memory } = inputs;
  let hidden = embed(root, config, inputIds, axes.target);
  const crossMask = additiveMask(inputs.attentionMask);
  const present = new Map<string, Value>();
  let bias: Value | null = null;
  for (let layer = 0; layer < config.decoderLayers; layer++) {
    const block = at(scope, `block.${layer}`);
    const self = at(block, 'layer.0');
    const normed = rmsNorm(self, 'layer_norm', hidden, config.epsilon);
    const attention = at(self, 'SelfAttention');
    const own = keysAndValues(attention, config, normed, axes.target);
    const all =
      past === null
        ? own
        : {
            key: ops.concat([kept(past, layer, 'key'), own.key], 2),
            value: ops.concat([kept(past, layer, 'value'), own.value], 2),
          };
    present.set(keptName(layer, 'key'), all.key).set(keptName(layer, 'value'), all.value);
    bias ??= decoderBias(scope, config, inputIds, past === null ? null : kept(past, 0, 'key'), all.key);
    const attended = t5Attention(attention, config, normed, axes.target, all, bias);
    hidden = ops.add(hidden, dropout(self, attended, config.dropout));

    const cross = at(block, 'layer.1');
    const normedForCross = rmsNorm(cross, 'layer_norm', hidden, config.epsilon);
    const encoded = { key: kept(memory, layer, 'key'), value: kept(memory, layer, 'value') };
    const crossAttention = at(cross, 'EncDecAttention');
    const read = t5Attention(crossAttention, config, normedForCross, axes.target, encoded, crossMask);
    hidden = t5FeedForward(
      at(block, 'layer.2'),
      config,
      ops.add(hidden, dropout(cross, read, config.dropout)),
    );
  }
  const normed = rmsNorm(scope, 'final_layer_norm', hidden, config.epsilon);
  return { hidden: dropout(scope, normed, config.dropout), present };
}

/** Relative positions and the causal mask: [heads, target, keys]. */
function decoderBias(
  scope: ModuleScope,
  config: T5Config,
  inputIds: Value,
  pastKey: Value | null,
  key: Value,
): Value {
  const own = ops.positionsOf(inputIds, 1);
  const queries = pastKey === null ? own : ops.add(own, ops.sizeOfAxis(pastKey, 2));
  const keys = pastKey === null ? own : ops.positionsOf(key, 2);
  return ops.add(stackBias(scope, config, { queries, keys }, false), causalMask(queries, keys));
}

/** The language-model head: [rows, hiddenSize] to [rows, vocab]. */
function languageModelHead(root: ModuleScope, config: T5Config, hidden: Value): Value {
  const scope = inBase(root);
  const scaled = config.scaled ? ops.mulScalar(hidden, 1 / Math.sqrt(config.hiddenSize)) : hidden;
  if (!config.tied) return linearWithoutBias(scope, 'lm_head', scaled, config.inputs.vocabSize);
  return ops.linear(scaled, words(scope, config), null);
}

export const t5: Architecture<T5Config> = {
  modelType: 't5',
  backboneName: '',
  classNames: { text2text: 'T5ForConditionalGeneration' },
  tiedCopies: ({ tied }) => ({
    'encoder.embed_tokens.weight': 'shared.weight',
    'decoder.embed_tokens.weight': 'shared.weight',
    ...(tied ? { 'lm_head.weight': 'shared.weight' } : {}),
  }),
  tiesAlways: true,
  besideTying: ({ scaled }) => ({ scale_decoder_outputs: scaled }),
  ignoredParameters: [],
  parseConfig: parseT5Config,
  backbone(scope, config, inputs) {
    if (inputs.decoderInputIds === null) throw new RegmeanError('unsupported', 't5: text2text only');
    const memory = crossKeysAndValues(scope, config, t5Encoder(scope, config, inputs));
    const { attentionMask, decoderInputIds } = inputs;
    return t5Decoder(scope, config, { inputIds: decoderInputIds, attentionMask, memory, past: null }).hidden;
  },
  head: languageModelHead,
  decoding: {
    memory: (scope, config, inputs) => crossKeysAndValues(scope, config, t5Encoder(scope, config, inputs)),
    past(config) {
      const shape = [axes.batch, config.heads, axes.past, config.headSize];
      return new Map(
        Array.from({ length: config.decoderLayers }, (_, layer) => [
          [keptName(layer, 'key'), shape] as const,
          [keptName(layer, 'value'), shape] as const,
        ]).flat(),
      );
    },
    step: t5Decoder,
  },
};
