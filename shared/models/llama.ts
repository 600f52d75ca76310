/**
 * @file Llama (Touvron et al., 2023) and families of the same blocks, top to bottom: RMS norm,
 *   rotary positions, keys and values shared by groups of query heads, a gated feed-forward block.
 *   Parameter names are Hugging Face's.
 */

import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { z } from '../zod.ts';
import type { Architecture } from './architecture.ts';
import { activation, attend, splitHeads } from './attention.ts';
import { layerCount, parseConfigJson, requireField, requireHeads, withDefaults } from './config.ts';
import {
  type DecoderConfig,
  type DecoderContext,
  decodingOf,
  languageModelHead,
  padTokenIdSchema,
  scoreHead,
  wholeContext,
} from './decoder-only.ts';
import {
  commonRopeParameters,
  type RotaryAngles,
  requireRotarySize,
  ropeParametersSchema,
  ropeScalingSchema,
  rotaryAngles,
  rotaryFrequencies,
  rotate,
} from './rotary.ts';
import { at, dropout, embedding, inBase, linear, type ModuleScope, parameter, rmsNorm } from './scope.ts';

const llamaConfigSchema = z.object({
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: layerCount,
  num_attention_heads: z.int().positive(),
  num_key_value_heads: z.int().positive().nullish(),
  head_dim: z.int().positive().nullish(),
  hidden_act: z.string().default('silu'),
  max_position_embeddings: z.int().positive().default(2048),
  sliding_window: z.int().positive().nullish(),
  use_sliding_window: z.boolean().default(true),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().default(10000),
  rope_scaling: ropeScalingSchema,
  rope_parameters: ropeParametersSchema,
  layer_types: z.array(z.enum(['full_attention', 'sliding_attention'])).nullish(),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  attention_dropout: z.number().min(0).max(1).default(0),
  classifier_dropout: z.number().min(0).max(1).default(0.1),
  initializer_range: z.number().positive().default(0.02),
  tie_word_embeddings: z.boolean().default(false),
  pad_token_id: padTokenIdSchema,
  eos_token_id: z.union([z.int().nonnegative(), z.array(z.int().nonnegative())]).nullish(),
});

/** The configuration of Llama and its relatives. */
export interface LlamaConfig extends DecoderConfig {
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly activation: string;
  readonly epsilon: number;
  /** Angles per position, [headSize / 2]. */
  readonly frequencies: Float32Array;
  readonly projectionBias: boolean;
  readonly outputBias: boolean;
  readonly feedForwardBias: boolean;
  /** Whether each head's queries and keys pass an RMS norm before they are turned. */
  readonly headNorms: boolean;
  readonly attentionDropout: number;
  readonly classifierDropout: number;
  readonly tied: boolean;
}

/**
 * Reads config.json. Texts longer than a sliding window of attention are not taken: within it there
 * is none.
 */
export function parseLlamaConfig(json: unknown): LlamaConfig {
  const raw = parseConfigJson(llamaConfigSchema, json);
  const { hidden_size: hiddenSize, num_attention_heads: heads } = raw;
  if (raw.head_dim == null) requireHeads('hidden_size', hiddenSize, heads);
  const headSize = raw.head_dim ?? hiddenSize / heads;
  requireRotarySize(raw.head_dim == null ? 'hidden_size / num_attention_heads' : 'head_dim', headSize);
  const keyValueHeads = raw.num_key_value_heads ?? heads;
  requireField(
    heads % keyValueHeads === 0,
    'num_attention_heads',
    `must be a multiple of num_key_value_heads ${keyValueHeads}`,
    heads,
  );
  const endTokenIds = [raw.eos_token_id ?? []].flat();
  const window = raw.use_sliding_window
    ? (raw.sliding_window ?? Number.POSITIVE_INFINITY)
    : Number.POSITIVE_INFINITY;
  const kinds = raw.layer_types ?? [Number.isFinite(window) ? 'sliding_attention' : 'full_attention'];
  const rope = commonRopeParameters(raw.rope_parameters, kinds) ?? raw.rope_scaling;
  return {
    inputs: {
      vocabSize: raw.vocab_size,
      maxLength: Math.min(raw.max_position_embeddings, window),
      padTokenId: raw.pad_token_id ?? endTokenIds[0] ?? 0,
      endTokenIds,
    },
    padTokenId: raw.pad_token_id,
    hiddenSize,
    initializerRange: raw.initializer_range,
    intermediateSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    heads,
    keyValueHeads,
    headSize,
    activation: raw.hidden_act,
    epsilon: raw.rms_norm_eps,
    frequencies: rotaryFrequencies(headSize, rope?.rope_theta ?? raw.rope_theta, rope),
    projectionBias: raw.attention_bias,
    outputBias: raw.attention_bias,
    feedForwardBias: raw.mlp_bias,
    headNorms: false,
    attentionDropout: raw.attention_dropout,
    classifierDropout: raw.classifier_dropout,
    tied: raw.tie_word_embeddings,
  };
}

/**
 * `LlamaAttention`: every key and value head serves a group of query heads. [rows, hiddenSize] in
 * and out.
 */
function llamaAttention(
  scope: ModuleScope,
  config: LlamaConfig,
  hidden: Value,
  layer: number,
  context: DecoderContext,
  angles: RotaryAngles,
): Value {
  const { heads, keyValueHeads, headSize, projectionBias } = config;
  const { length } = context;
  const headsOf = (name: string, count: number): Value =>
    splitHeads(linear(scope, name, hidden, count * headSize, { bias: projectionBias }), length, count);
  const normed = (x: Value, name: string): Value =>
    config.headNorms ? rmsNorm(scope, name, x, config.epsilon) : x;
  const query = rotate(normed(headsOf('q_proj', heads), 'q_norm'), angles);
  const own = {
    key: rotate(normed(headsOf('k_proj', keyValueHeads), 'k_norm'), angles),
    value: headsOf('v_proj', keyValueHeads),
  };
  const { key, value } = context.withPast(layer, own);
  const scaled = ops.mulScalar(query, 1 / Math.sqrt(headSize));
  const grouped = ops.reshape(scaled, ['batch', keyValueHeads, heads / keyValueHeads, length, headSize]);
  const shared = (x: Value): Value => ops.unsqueeze(x, 2);
  const read = attend(scope, grouped, shared(key), shared(value), context.mask, config.attentionDropout);
  return linear(scope, 'o_proj', read, config.hiddenSize, { bias: config.outputBias });
}

/**
 * `LlamaDecoderLayer`: attention and feed-forward block, each behind an RMS norm. [rows,
 * hiddenSize] in and out.
 */
function llamaLayer(
  scope: ModuleScope,
  config: LlamaConfig,
  hidden: Value,
  layer: number,
  context: DecoderContext,
  angles: RotaryAngles,
): Value {
  const normed = rmsNorm(scope, 'input_layernorm', hidden, config.epsilon);
  const attended = llamaAttention(at(scope, 'self_attn'), config, normed, layer, context, angles);
  const residual = ops.add(hidden, attended);
  const mlp = at(scope, 'mlp');
  const inner = rmsNorm(scope, 'post_attention_layernorm', residual, config.epsilon);
  const biased = { bias: config.feedForwardBias };
  const wide = (name: string): Value => linear(mlp, name, inner, config.intermediateSize, biased);
  const gated = ops.mul(activation(config.activation)(wide('gate_proj')), wide('up_proj'));
  return ops.add(residual, linear(mlp, 'down_proj', gated, config.hiddenSize, biased));
}

function llamaBackbone(root: ModuleScope, config: LlamaConfig, context: DecoderContext): Value {
  const scope = at(root, 'model');
  const words = embedding(
    scope,
    'embed_tokens',
    context.inputIds,
    config.inputs.vocabSize,
    config.hiddenSize,
  );
  const angles = rotaryAngles(context.positions, config.frequencies);
  // Scores have an axis more, for the groups of heads.
  const mask = context.mask.shape.length === 4 ? ops.unsqueeze(context.mask, 1) : context.mask;
  const grouped = { ...context, mask };
  let hidden = ops.reshape(words, [`batch*${context.length}`, config.hiddenSize]);
  for (let layer = 0; layer < config.layers; layer++) {
    hidden = llamaLayer(at(scope, `layers.${layer}`), config, hidden, layer, grouped, angles);
  }
  return rmsNorm(scope, 'norm', hidden, config.epsilon);
}

/**
 * Llama or a family of the same blocks under another name.
 *
 * @param prefix of Hugging Face's class names
 * @param defaults fields that config.json may leave out
 * @param blocks what this family's blocks have whatever config.json says
 */
export function llamaFamily(
  modelType: string,
  prefix: string,
  defaults: object = {},
  blocks: Partial<Pick<LlamaConfig, 'projectionBias' | 'headNorms'>> = {},
): Architecture<LlamaConfig> {
  return {
    modelType,
    backboneName: 'model',
    classNames: {
      'causal-lm': `${prefix}ForCausalLM`,
      'text-classification': `${prefix}ForSequenceClassification`,
      'multi-label-classification': `${prefix}ForSequenceClassification`,
      regression: `${prefix}ForSequenceClassification`,
      'token-classification': `${prefix}ForTokenClassification`,
    },
    tiedCopies: ({ tied }) => (tied ? { 'lm_head.weight': 'model.embed_tokens.weight' } : {}),
    ignoredParameters: [/^lm_head\.weight$/],
    parseConfig: (json) => ({ ...parseLlamaConfig(withDefaults(defaults, json)), ...blocks }),
    backbone: (scope, config, inputs) => llamaBackbone(scope, config, wholeContext(inputs)),
    head(scope, config, hidden, request) {
      if (request.task === 'causal-lm') {
        const { hiddenSize, inputs } = config;
        const { vocabSize } = inputs;
        const table = at(inBase(scope), 'model.embed_tokens');
        const words = config.tied ? parameter(table, 'weight', [vocabSize, hiddenSize], 'normal') : null;
        return languageModelHead(scope, hidden, vocabSize, words);
      }
      if (request.task === 'token-classification') {
        return linear(scope, 'score', dropout(scope, hidden, config.classifierDropout), request.labelCount);
      }
      return scoreHead(scope, config, hidden, request);
    },
    decoding: decodingOf(
      ({ layers, keyValueHeads, headSize }) => ({ layers, heads: keyValueHeads, headSize }),
      llamaBackbone,
    ),
  };
}

export const llama = llamaFamily('llama', 'Llama');

/**
 * Mistral (Jiang et al., 2023): attention within a sliding window, which is all of a text that is
 * no longer than it.
 */
export const mistral = llamaFamily('mistral', 'Mistral', { max_position_embeddings: 32768 });
