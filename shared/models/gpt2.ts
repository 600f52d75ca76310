/**
 * @file GPT-2 (Radford et al., 2019), top to bottom. Its linear layers are `Conv1D`: weights stored
 *   [in, out]. Parameter names are Hugging Face's.
 */

import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { multiplied } from '../graph/sizes.ts';
import { z } from '../zod.ts';
import type { Architecture } from './architecture.ts';
import { activation, attend, splitHeads } from './attention.ts';
import { axes } from './axes.ts';
import { layerCount, parseConfigJson, requireHeads } from './config.ts';
import {
  type DecoderConfig,
  type DecoderContext,
  decodingOf,
  fillingToken,
  languageModelHead,
  padTokenIdSchema,
  scoreHead,
  wholeContext,
} from './decoder-only.ts';
import { at, dropout, embedding, inBase, layerNorm, linear, type ModuleScope, parameter } from './scope.ts';

const gpt2ConfigSchema = z.object({
  vocab_size: z.int().positive(),
  n_embd: z.int().positive(),
  n_layer: layerCount,
  n_head: z.int().positive(),
  n_inner: z.int().positive().nullish(),
  n_positions: z.int().positive().default(1024),
  activation_function: z.string().default('gelu_new'),
  resid_pdrop: z.number().min(0).max(1).default(0.1),
  embd_pdrop: z.number().min(0).max(1).default(0.1),
  attn_pdrop: z.number().min(0).max(1).default(0.1),
  classifier_dropout: z.number().min(0).max(1).nullish(),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  initializer_range: z.number().positive().default(0.02),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  add_cross_attention: z.literal(false, 'must be false: there is no encoder to attend to').default(false),
  tie_word_embeddings: z.boolean().default(true),
  pad_token_id: padTokenIdSchema,
  eos_token_id: z
    .union([z.int().nonnegative(), z.array(z.int().nonnegative())])
    .nullable()
    .default(50256),
});

interface Gpt2Config extends DecoderConfig {
  readonly layers: number;
  readonly heads: number;
  readonly innerSize: number;
  readonly activation: string;
  readonly residualDropout: number;
  readonly embeddingDropout: number;
  readonly attentionDropout: number;
  readonly classifierDropout: number;
  readonly layerNormEpsilon: number;
  /** Factor of the scores of each block. */
  readonly scales: readonly number[];
  readonly tied: boolean;
}

function parseGpt2Config(json: unknown): Gpt2Config {
  const raw = parseConfigJson(gpt2ConfigSchema, json, ['eos_token_id']);
  requireHeads('n_embd', raw.n_embd, raw.n_head);
  const endTokenIds = [raw.eos_token_id ?? []].flat();
  const scale = raw.scale_attn_weights ? 1 / Math.sqrt(raw.n_embd / raw.n_head) : 1;
  return {
    inputs: {
      vocabSize: raw.vocab_size,
      maxLength: raw.n_positions,
      padTokenId: fillingToken(raw.pad_token_id, endTokenIds, raw.vocab_size),
      endTokenIds,
    },
    padTokenId: raw.pad_token_id,
    hiddenSize: raw.n_embd,
    initializerRange: raw.initializer_range,
    layers: raw.n_layer,
    heads: raw.n_head,
    innerSize: raw.n_inner ?? 4 * raw.n_embd,
    activation: raw.activation_function,
    residualDropout: raw.resid_pdrop,
    embeddingDropout: raw.embd_pdrop,
    attentionDropout: raw.attn_pdrop,
    classifierDropout: raw.classifier_dropout ?? 0.1,
    layerNormEpsilon: raw.layer_norm_epsilon,
    scales: Array.from({ length: raw.n_layer }, (_, layer) =>
      raw.scale_attn_by_inverse_layer_idx ? scale / (layer + 1) : scale,
    ),
    tied: raw.tie_word_embeddings,
  };
}

/** `Conv1D`: x W + b with W [in, out]. [rows, in] -> [rows, out] */
function conv1D(scope: ModuleScope, name: string, x: Value, outputSize: number): Value {
  const module = at(scope, name);
  return scope.build.graph.scope(scope.prefix + name, () => {
    const weight = parameter(module, 'weight', [Number(x.shape.at(-1)), outputSize], 'normal');
    const bias = parameter(module, 'bias', [outputSize], 'zeros');
    return ops.gemm(x, weight, { transA: false, transB: false, bias });
  });
}

/**
 * `GPT2Block`: attention and feed-forward block, each behind a LayerNorm. [rows, hiddenSize] in and
 * out.
 */
function gpt2Block(
  scope: ModuleScope,
  config: Gpt2Config,
  hidden: Value,
  layer: number,
  context: DecoderContext,
  mask: Value,
): Value {
  const { hiddenSize, heads, layerNormEpsilon: epsilon } = config;
  const attention = at(scope, 'attn');
  const projected = conv1D(attention, 'c_attn', layerNorm(scope, 'ln_1', hidden, epsilon), 3 * hiddenSize);
  const part = (index: number): Value =>
    splitHeads(ops.slice(projected, 1, index * hiddenSize, (index + 1) * hiddenSize), context.length, heads);
  const query = ops.mulScalar(part(0), config.scales[layer] ?? 1);
  const { key, value } = context.withPast(layer, { key: part(1), value: part(2) });
  const read = attend(attention, query, key, value, mask, config.attentionDropout);
  const attended = dropout(attention, conv1D(attention, 'c_proj', read, hiddenSize), config.residualDropout);
  const residual = ops.add(hidden, attended);

  const mlp = at(scope, 'mlp');
  const wide = conv1D(mlp, 'c_fc', layerNorm(scope, 'ln_2', residual, epsilon), config.innerSize);
  const narrow = conv1D(mlp, 'c_proj', activation(config.activation)(wide), hiddenSize);
  return ops.add(residual, dropout(mlp, narrow, config.residualDropout));
}

/** The blocks between the embeddings and the last LayerNorm: [rows, hiddenSize]. */
function gpt2Backbone(root: ModuleScope, config: Gpt2Config, context: DecoderContext): Value {
  const scope = at(root, 'transformer');
  const { hiddenSize } = config;
  const words = embedding(scope, 'wte', context.inputIds, config.inputs.vocabSize, hiddenSize);
  const places = embedding(scope, 'wpe', context.positions, config.inputs.maxLength, hiddenSize);
  const sum = ops.reshape(ops.add(words, places), [multiplied([axes.batch, context.length]), hiddenSize]);
  let hidden = dropout(scope, sum, config.embeddingDropout);
  const mask = context.mask(null);
  for (let layer = 0; layer < config.layers; layer++) {
    hidden = gpt2Block(at(scope, `h.${layer}`), config, hidden, layer, context, mask);
  }
  return layerNorm(scope, 'ln_f', hidden, config.layerNormEpsilon);
}

export const gpt2: Architecture<Gpt2Config> = {
  modelType: 'gpt2',
  backboneName: 'transformer',
  classNames: {
    'causal-lm': 'GPT2LMHeadModel',
    'text-classification': 'GPT2ForSequenceClassification',
    'multi-label-classification': 'GPT2ForSequenceClassification',
    regression: 'GPT2ForSequenceClassification',
    'token-classification': 'GPT2ForTokenClassification',
  },
  tiedCopies: ({ tied }) => (tied ? { 'lm_head.weight': 'transformer.wte.weight' } : {}),
  buffers: [/(^|\.)attn\.(masked_)?bias$/],
  ignoredParameters: [/^lm_head\.weight$/],
  parseConfig: parseGpt2Config,
  backbone: (scope, config, inputs) => gpt2Backbone(scope, config, wholeContext(inputs)),
  head(scope, config, hidden, request) {
    if (request.task === 'causal-lm') {
      const { hiddenSize, inputs } = config;
      const { vocabSize } = inputs;
      const table = at(inBase(scope), 'transformer.wte');
      const words = config.tied ? parameter(table, 'weight', [vocabSize, hiddenSize], 'normal') : null;
      return languageModelHead(scope, hidden, vocabSize, words);
    }
    if (request.task === 'token-classification') {
      return linear(
        scope,
        'classifier',
        dropout(scope, hidden, config.classifierDropout),
        request.labelCount,
      );
    }
    return scoreHead(scope, config, hidden, request);
  },
  decoding: decodingOf(
    ({ layers, heads, hiddenSize }) => ({ layers, heads, headSize: hiddenSize / heads }),
    gpt2Backbone,
  ),
};
