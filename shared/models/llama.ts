/**
 * @file Llama (Touvron et al., 2023) and families of the same blocks, top to bottom: RMS norm,
 *   rotary positions, keys and values shared by groups of query heads, a gated feed-forward block.
 *   Parameter names are Hugging Face's.
 */

import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { multiplied } from '../graph/sizes.ts';
import type { Architecture } from './architecture.ts';
import { activation, attend, splitHeads } from './attention.ts';
import { axes } from './axes.ts';
import {
  type DecoderContext,
  decodingOf,
  languageModelHead,
  scoreHead,
  wholeContext,
} from './decoder-only.ts';
import { type LlamaConfig, type LlamaFamily, parseLlamaConfig } from './llama-config.ts';
import { type RotaryAngles, rotaryAngles, rotate } from './rotary.ts';
import { at, dropout, embedding, inBase, linear, type ModuleScope, parameter, rmsNorm } from './scope.ts';

/** What a layer reads beside hidden states. */
interface LayerContext {
  readonly layer: number;
  readonly context: DecoderContext;
  /** Additive, broadcasts to [batch, groups, heads, length, keys]. */
  readonly mask: Value;
  readonly angles: RotaryAngles;
}

/**
 * `LlamaAttention`: every key and value head serves a group of query heads. [rows, hiddenSize] in
 * and out.
 */
function llamaAttention(
  scope: ModuleScope,
  config: LlamaConfig,
  hidden: Value,
  { layer, context, mask, angles }: LayerContext,
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
  const grouped = ops.reshape(scaled, [axes.batch, keyValueHeads, heads / keyValueHeads, length, headSize]);
  const shared = (x: Value): Value => ops.unsqueeze(x, 2);
  const read = attend(scope, grouped, shared(key), shared(value), mask, config.attentionDropout);
  return linear(scope, 'o_proj', read, config.hiddenSize, { bias: config.outputBias });
}

/**
 * `LlamaDecoderLayer`: attention and feed-forward block, each behind an RMS norm. [rows,
 * hiddenSize] in and out.
 */
function llamaLayer(scope: ModuleScope, config: LlamaConfig, hidden: Value, context: LayerContext): Value {
  const normed = rmsNorm(scope, 'input_layernorm', hidden, config.epsilon);
  const attended = llamaAttention(at(scope, 'self_attn'), config, normed, context);
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
  const masks = new Map([...new Set(config.windows)].map((window) => [window, groupedMask(context, window)]));
  let hidden = ops.reshape(words, [multiplied([axes.batch, context.length]), config.hiddenSize]);
  for (const [layer, window] of config.windows.entries()) {
    const mask = masks.get(window) as Value;
    hidden = llamaLayer(at(scope, `layers.${layer}`), config, hidden, { layer, context, mask, angles });
  }
  return rmsNorm(scope, 'norm', hidden, config.epsilon);
}

/** A mask of scores that have an axis more, for the groups of heads. */
function groupedMask(context: DecoderContext, window: number | null): Value {
  const mask = context.mask(window);
  return mask.shape.length === 4 ? ops.unsqueeze(mask, 1) : mask;
}

/** Llama or a family of the same blocks under another name. */
export function llamaFamily(family: LlamaFamily): Architecture<LlamaConfig> {
  const { modelType, prefix } = family;
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
    parseConfig: (json) => parseLlamaConfig(json, family),
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

export const llama = llamaFamily({ modelType: 'llama', prefix: 'Llama', defaults: { eos_token_id: 2 } });

/** Mistral (Jiang et al., 2023): no biases, and attention within a sliding window. */
export const mistral = llamaFamily({
  modelType: 'mistral',
  prefix: 'Mistral',
  defaults: {
    max_position_embeddings: 131072,
    num_key_value_heads: 8,
    sliding_window: 4096,
    eos_token_id: 2,
  },
  blocks: { projectionBias: false, outputBias: false, feedForwardBias: false },
  sliding: 'all',
});
