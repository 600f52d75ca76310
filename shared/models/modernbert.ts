/**
 * @file ModernBERT (Warner et al., 2024), top to bottom: rotary positions, a norm before each
 *   block, a gated feed-forward block, and attention over the whole text in some layers only, over
 *   the neighbourhood of each token in the others. Parameter names are Hugging Face's.
 */

import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { z } from '../zod.ts';
import type { Architecture, BackboneInputs, ModelConfig } from './architecture.ts';
import {
  activation,
  additiveMask,
  attend,
  firstToken,
  meanOfTokens,
  slidingMask,
  splitHeads,
} from './attention.ts';
import { axes } from './axes.ts';
import { layerCount, parseConfigJson, requireField, requireHeadSize, requireHeads } from './config.ts';
import {
  type RotaryAngles,
  requireRotarySize,
  ropeScalingSchema,
  rotaryAngles,
  rotaryFrequencies,
  rotate,
} from './rotary.ts';
import { at, dropout, embedding, layerNorm, linear, type ModuleScope } from './scope.ts';

const probability = z.number().min(0).max(1);
const layerKind = z.enum(['full_attention', 'sliding_attention']);

/** What a layer's tokens read: all tokens, or those around them. */
type LayerKind = z.infer<typeof layerKind>;

const modernBertConfigSchema = z.object({
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: layerCount,
  num_attention_heads: z.int().positive(),
  head_dim: z.int().optional(),
  hidden_activation: z.string().default('gelu'),
  max_position_embeddings: z.int().positive().default(8192),
  initializer_range: z.number().positive().default(0.02),
  norm_eps: z.number().positive().default(1e-5),
  norm_bias: z.boolean().default(false),
  pad_token_id: z.int().nonnegative().nullish(),
  layer_types: z.array(layerKind).nullish(),
  global_attn_every_n_layers: z.int().positive().default(3),
  local_attention: z.int().positive().default(128),
  sliding_window: z.int().positive().optional(),
  rope_parameters: z
    .object({ full_attention: ropeScalingSchema, sliding_attention: ropeScalingSchema })
    .nullish(),
  rope_scaling: ropeScalingSchema,
  global_rope_theta: z.number().positive().default(160_000),
  local_rope_theta: z.number().positive().nullable().default(10_000),
  attention_bias: z.boolean().default(false),
  attention_dropout: probability.default(0),
  embedding_dropout: probability.default(0),
  mlp_bias: z.boolean().default(false),
  mlp_dropout: probability.default(0),
  classifier_pooling: z.enum(['cls', 'mean']).default('cls'),
  classifier_activation: z.string().default('gelu'),
  classifier_bias: z.boolean().default(false),
  classifier_dropout: probability.default(0),
});

interface ModernBertConfig extends ModelConfig {
  readonly intermediateSize: number;
  readonly heads: number;
  readonly layers: readonly LayerKind[];
  /**
   * How many tokens before and behind it a token reads in `sliding_attention`: half of
   * `local_attention`, unless `sliding_window` says it.
   */
  readonly reach: number;
  /** Angles per position, [headSize / 2]. */
  readonly frequencies: Readonly<Record<LayerKind, Float32Array>>;
  readonly activation: string;
  readonly epsilon: number;
  readonly normBias: boolean;
  readonly attentionBias: boolean;
  readonly feedForwardBias: boolean;
  readonly attentionDropout: number;
  readonly embeddingDropout: number;
  readonly feedForwardDropout: number;
  readonly classifier: {
    readonly pooling: 'cls' | 'mean';
    readonly activation: string;
    readonly bias: boolean;
    readonly dropout: number;
  };
}

/**
 * Reads config.json in both its forms: `layer_types` and `rope_parameters` for each of them, or the
 * numbers that they are made from where those are not there.
 */
export function parseModernBertConfig(json: unknown): ModernBertConfig {
  const raw = parseConfigJson(modernBertConfigSchema, json, ['local_rope_theta']);
  const { hidden_size: hiddenSize, num_attention_heads: heads, num_hidden_layers: layers } = raw;
  requireHeads('hidden_size', hiddenSize, heads);
  requireRotarySize('hidden_size / num_attention_heads', hiddenSize / heads);
  const headSize = hiddenSize / heads;
  requireHeadSize('head_dim', { given: raw.head_dim, own: headSize });
  const named = raw.layer_types?.length ?? layers;
  requireField(named === layers, 'layer_types', `must name ${layers} layers`, named);
  const frequenciesOf = (kind: LayerKind, theta: number): Float32Array => {
    // Of both fields, what `rope_scaling` says holds for layers of both kinds.
    const rope = { ...(raw.rope_parameters?.[kind] ?? { rope_type: 'default' }), ...raw.rope_scaling };
    return rotaryFrequencies(headSize, rope.rope_theta ?? theta, {
      original_max_position_embeddings: raw.max_position_embeddings,
      ...rope,
    });
  };
  return {
    inputs: {
      vocabSize: raw.vocab_size,
      maxLength: raw.max_position_embeddings,
      // The mask tells padding from tokens, so any id of the vocabulary fills.
      padTokenId: raw.pad_token_id ?? 0,
    },
    hiddenSize,
    initializerRange: raw.initializer_range,
    intermediateSize: raw.intermediate_size,
    heads,
    layers:
      raw.layer_types ??
      Array.from({ length: layers }, (_, layer) =>
        layer % raw.global_attn_every_n_layers === 0 ? 'full_attention' : 'sliding_attention',
      ),
    reach: raw.sliding_window ?? Math.floor(raw.local_attention / 2),
    frequencies: {
      full_attention: frequenciesOf('full_attention', raw.global_rope_theta),
      sliding_attention: frequenciesOf('sliding_attention', raw.local_rope_theta ?? raw.global_rope_theta),
    },
    activation: raw.hidden_activation,
    epsilon: raw.norm_eps,
    normBias: raw.norm_bias,
    attentionBias: raw.attention_bias,
    feedForwardBias: raw.mlp_bias,
    attentionDropout: raw.attention_dropout,
    embeddingDropout: raw.embedding_dropout,
    feedForwardDropout: raw.mlp_dropout,
    classifier: {
      pooling: raw.classifier_pooling,
      activation: raw.classifier_activation,
      bias: raw.classifier_bias,
      dropout: raw.classifier_dropout,
    },
  };
}

/** What layers of one kind share. */
interface LayerContext {
  /** Additive, [batch, 1, 1, seq] or [batch, 1, seq, seq]. */
  readonly mask: Value;
  readonly angles: RotaryAngles;
}

function norm(scope: ModuleScope, name: string, x: Value, config: ModernBertConfig): Value {
  return layerNorm(scope, name, x, config.epsilon, { bias: config.normBias });
}

/**
 * Columns `part * width` to `(part + 1) * width` of a product that is several at once. [rows,
 * width]
 */
function partOf(fused: Value, part: number, width: number): Value {
  return ops.slice(fused, 1, part * width, (part + 1) * width);
}

/** `ModernBertEmbeddings`: words alone. [batch*seq, hiddenSize] */
function modernBertEmbeddings(scope: ModuleScope, config: ModernBertConfig, inputIds: Value): Value {
  const words = embedding(scope, 'tok_embeddings', inputIds, config.inputs.vocabSize, config.hiddenSize);
  const rows = ops.reshape(words, [axes.tokens, config.hiddenSize]);
  return dropout(scope, norm(scope, 'norm', rows, config), config.embeddingDropout);
}

/**
 * `ModernBertAttention`: query, key and value from one product. [batch*seq, hiddenSize] in and out.
 */
function modernBertAttention(
  scope: ModuleScope,
  config: ModernBertConfig,
  hidden: Value,
  { mask, angles }: LayerContext,
): Value {
  const { hiddenSize, heads, attentionDropout } = config;
  const biased = { bias: config.attentionBias };
  const fused = linear(scope, 'Wqkv', hidden, 3 * hiddenSize, biased);
  const headsOf = (part: number): Value => splitHeads(partOf(fused, part, hiddenSize), axes.seq, heads);
  const query = ops.mulScalar(rotate(headsOf(0), angles), 1 / Math.sqrt(hiddenSize / heads));
  const read = attend(scope, query, rotate(headsOf(1), angles), headsOf(2), mask, attentionDropout);
  return dropout(scope, linear(scope, 'Wo', read, hiddenSize, biased), attentionDropout);
}

/**
 * `ModernBertMLP`: one product for the inputs and their gates. [batch*seq, hiddenSize] in and out.
 */
function modernBertMlp(scope: ModuleScope, config: ModernBertConfig, hidden: Value): Value {
  const { intermediateSize } = config;
  const biased = { bias: config.feedForwardBias };
  const fused = linear(scope, 'Wi', hidden, 2 * intermediateSize, biased);
  const activated = activation(config.activation)(partOf(fused, 0, intermediateSize));
  const gated = ops.mul(activated, partOf(fused, 1, intermediateSize));
  const kept = dropout(scope, gated, config.feedForwardDropout);
  return linear(scope, 'Wo', kept, config.hiddenSize, biased);
}

/**
 * `ModernBertEncoderLayer`: attention and feed-forward block. The embeddings are normalised
 * already, so layer 0 begins without.
 */
function modernBertLayer(
  scope: ModuleScope,
  config: ModernBertConfig,
  hidden: Value,
  layer: number,
  context: LayerContext,
): Value {
  const normed = layer === 0 ? hidden : norm(scope, 'attn_norm', hidden, config);
  const attended = ops.add(hidden, modernBertAttention(at(scope, 'attn'), config, normed, context));
  return ops.add(
    attended,
    modernBertMlp(at(scope, 'mlp'), config, norm(scope, 'mlp_norm', attended, config)),
  );
}

/** `ModernBertModel`: [batch, seq] token ids to [batch*seq, hiddenSize]. */
function modernBertModel(
  scope: ModuleScope,
  config: ModernBertConfig,
  { inputIds, attentionMask }: BackboneInputs,
): Value {
  const positions = ops.positionsOf(inputIds, 1);
  const mask = additiveMask(attentionMask);
  const contexts: Readonly<Record<LayerKind, LayerContext>> = {
    full_attention: { mask, angles: rotaryAngles(positions, config.frequencies.full_attention) },
    sliding_attention: {
      mask: slidingMask(mask, positions, config.reach),
      angles: rotaryAngles(positions, config.frequencies.sliding_attention),
    },
  };
  let hidden = modernBertEmbeddings(at(scope, 'embeddings'), config, inputIds);
  for (const [layer, kind] of config.layers.entries()) {
    hidden = modernBertLayer(at(scope, `layers.${layer}`), config, hidden, layer, contexts[kind]);
  }
  return norm(scope, 'final_norm', hidden, config);
}

/**
 * `ModernBertPredictionHead`: dense, activation, norm. Checkpoints of the masked language model
 * have one already. [rows, hiddenSize]
 */
function predictionHead(scope: ModuleScope, config: ModernBertConfig, rows: Value): Value {
  const { bias, activation: name } = config.classifier;
  const dense = linear(scope, 'dense', rows, config.hiddenSize, { bias });
  return norm(scope, 'norm', activation(name)(dense), config);
}

export const modernBert: Architecture<ModernBertConfig> = {
  modelType: 'modernbert',
  backboneName: 'model',
  classNames: {
    'text-classification': 'ModernBertForSequenceClassification',
    'multi-label-classification': 'ModernBertForSequenceClassification',
    regression: 'ModernBertForSequenceClassification',
    'token-classification': 'ModernBertForTokenClassification',
  },
  tiedCopies: () => ({ 'decoder.weight': 'model.embeddings.tok_embeddings.weight' }),
  ignoredParameters: [],
  parseConfig: parseModernBertConfig,
  backbone: (scope, config, inputs) => modernBertModel(at(scope, 'model'), config, inputs),
  head(scope, config, hidden, { task, labelCount, attentionMask }) {
    const { hiddenSize, classifier } = config;
    const pooled = (): Value =>
      classifier.pooling === 'mean'
        ? meanOfTokens(hidden, attentionMask, hiddenSize)
        : firstToken(hidden, hiddenSize);
    const rows = predictionHead(
      at(scope, 'head'),
      config,
      task === 'token-classification' ? hidden : pooled(),
    );
    return linear(scope, 'classifier', dropout(scope, rows, classifier.dropout), labelCount);
  },
};
