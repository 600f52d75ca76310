/**
 * @file DeBERTa-v2 and -v3 (He et al., 2021; He, Gao and Chen, 2023), top to bottom: attention that
 *   keeps contents and relative positions apart, a convolution beside the first layer in v2, a
 *   pooler over the first token. Parameter names are Hugging Face's.
 */

import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { z } from '../zod.ts';
import type { Architecture, BackboneInputs, ModelConfig } from './architecture.ts';
import { activation, additiveMask, firstToken } from './attention.ts';
import { axes } from './axes.ts';
import {
  layerCount,
  parseConfigJson,
  requireField,
  requireHeadSize,
  requireHeads,
  tableSize,
} from './config.ts';
import {
  type AttentionMasks,
  type DisentangledShape,
  disentangledAttention,
  type RelativePositions,
} from './disentangled-attention.ts';
import { type DistanceBuckets, distanceRows, spanOf } from './distance-buckets.ts';
import {
  at,
  dropout,
  embedding,
  layerNorm,
  linear,
  linearWithoutBias,
  type ModuleScope,
  parameter,
} from './scope.ts';

const probability = z.number().min(0).max(1);

/** `p2c|c2p` in published files, a list in others. */
const positionTerms = z
  .union([z.string().transform((terms) => terms.toLowerCase().split('|')), z.array(z.string())])
  .transform((terms) => terms.map((term) => term.trim()).filter((term) => term !== ''))
  .pipe(z.array(z.enum(['c2p', 'p2c'])));

const schema = z.object({
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  embedding_size: z.int().positive().nullish(),
  num_hidden_layers: layerCount,
  num_attention_heads: z.int().positive(),
  attention_head_size: z.int().optional(),
  intermediate_size: z.int().positive(),
  hidden_act: z.string().default('gelu'),
  hidden_dropout_prob: probability.default(0.1),
  attention_probs_dropout_prob: probability.default(0.1),
  max_position_embeddings: tableSize.default(512),
  type_vocab_size: z.int().min(0).default(0),
  initializer_range: z.number().positive().default(0.02),
  layer_norm_eps: z.number().positive().default(1e-7),
  pad_token_id: z.int().nullish(),
  relative_attention: z.boolean().default(false),
  max_relative_positions: z.int().default(-1),
  position_buckets: z.int().default(-1),
  norm_rel_ebd: z.string().default('none'),
  share_att_key: z.boolean().default(false),
  pos_att_type: positionTerms.nullish(),
  position_biased_input: z.boolean().default(true),
  conv_kernel_size: z.int().min(0).default(0),
  conv_groups: z.literal(1, 'must be 1, the only convolution there is here').default(1),
  conv_act: z.string().default('tanh'),
  pooler_hidden_size: z.int().positive().nullish(),
  pooler_hidden_act: z.string().default('gelu'),
  pooler_dropout: probability.default(0),
  cls_dropout: probability.nullish(),
});

interface DebertaConfig extends ModelConfig {
  readonly embeddingSize: number;
  readonly layers: number;
  readonly intermediateSize: number;
  readonly activation: string;
  readonly tokenTypes: number;
  readonly layerNormEpsilon: number;
  readonly attention: DisentangledShape;
  /** Null where attention knows no relative positions. */
  readonly relative: (DistanceBuckets & { readonly normalized: boolean }) | null;
  /** Whether absolute positions are added to the embeddings. */
  readonly absolutePositions: boolean;
  /** Null where there is no convolution. */
  readonly convolution: { readonly width: number; readonly activation: string } | null;
  readonly pooler: { readonly activation: string; readonly dropout: number };
  readonly hiddenDropout: number;
  readonly classifierDropout: number;
}

function parseDebertaConfig(json: unknown): DebertaConfig {
  const raw = parseConfigJson(schema, json);
  const { hidden_size: hiddenSize, num_attention_heads: heads, conv_kernel_size: width } = raw;
  requireHeads('hidden_size', hiddenSize, heads);
  requireHeadSize('attention_head_size', { given: raw.attention_head_size, own: hiddenSize / heads });
  requireField(width === 0 || width % 2 === 1, 'conv_kernel_size', 'must be odd', width);
  const pooled = raw.pooler_hidden_size ?? hiddenSize;
  requireField(pooled === hiddenSize, 'pooler_hidden_size', `must be hidden_size ${hiddenSize}`, pooled);
  const terms = raw.pos_att_type ?? [];
  return {
    inputs: {
      vocabSize: raw.vocab_size,
      ...(raw.type_vocab_size > 0 ? { typeVocabSize: raw.type_vocab_size } : {}),
      maxLength: raw.max_position_embeddings,
      padTokenId: raw.pad_token_id ?? 0,
    },
    hiddenSize,
    initializerRange: raw.initializer_range,
    embeddingSize: raw.embedding_size ?? hiddenSize,
    layers: raw.num_hidden_layers,
    intermediateSize: raw.intermediate_size,
    activation: raw.hidden_act,
    tokenTypes: raw.type_vocab_size,
    layerNormEpsilon: raw.layer_norm_eps,
    attention: {
      heads,
      hiddenSize,
      contentToPosition: terms.includes('c2p'),
      positionToContent: terms.includes('p2c'),
      sharedProjections: raw.share_att_key,
      attentionDropout: raw.attention_probs_dropout_prob,
      hiddenDropout: raw.hidden_dropout_prob,
    },
    relative:
      raw.relative_attention && terms.length > 0
        ? {
            buckets: Math.max(raw.position_buckets, 0),
            maxDistance:
              raw.max_relative_positions < 1 ? raw.max_position_embeddings : raw.max_relative_positions,
            maxLength: raw.max_position_embeddings,
            normalized: raw.norm_rel_ebd
              .toLowerCase()
              .split('|')
              .some((part) => part.trim() === 'layer_norm'),
          }
        : null,
    absolutePositions: raw.position_biased_input,
    convolution: width === 0 ? null : { width, activation: raw.conv_act },
    pooler: { activation: raw.pooler_hidden_act, dropout: raw.pooler_dropout },
    hiddenDropout: raw.hidden_dropout_prob,
    classifierDropout: raw.cls_dropout ?? raw.hidden_dropout_prob,
  };
}

/**
 * `DebertaV2Embeddings`: words, with positions and token types where the model has them; 0 for
 * padding.
 *
 * @param tokens 1 for tokens, 0 for padding, [batch*seq, 1]
 * @returns [batch*seq, hiddenSize]
 */
function debertaEmbeddings(
  scope: ModuleScope,
  config: DebertaConfig,
  inputs: BackboneInputs,
  tokens: Value,
): Value {
  const { embeddingSize, hiddenSize } = config;
  let sum = embedding(scope, 'word_embeddings', inputs.inputIds, config.inputs.vocabSize, embeddingSize);
  if (config.absolutePositions) {
    const positions = ops.positionsOf(inputs.inputIds, 1);
    sum = ops.add(
      sum,
      embedding(scope, 'position_embeddings', positions, config.inputs.maxLength, embeddingSize),
    );
  }
  if (config.tokenTypes > 0) {
    const types = inputs.tokenTypeIds;
    sum = ops.add(sum, embedding(scope, 'token_type_embeddings', types, config.tokenTypes, embeddingSize));
  }
  const rows = ops.reshape(sum, [axes.tokens, embeddingSize]);
  const wide = embeddingSize === hiddenSize ? rows : linearWithoutBias(scope, 'embed_proj', rows, hiddenSize);
  const normalized = layerNorm(scope, 'LayerNorm', wide, config.layerNormEpsilon);
  return dropout(scope, ops.mul(normalized, tokens), config.hiddenDropout);
}

/** `DebertaV2Layer`: attention and feed-forward block. [batch*seq, hiddenSize] in and out. */
function debertaLayer(
  scope: ModuleScope,
  config: DebertaConfig,
  hidden: Value,
  masks: AttentionMasks,
  positions: RelativePositions | null,
): Value {
  const { hiddenSize, layerNormEpsilon } = config;
  const self = at(scope, 'attention.self');
  const context = disentangledAttention(self, config.attention, hidden, masks, positions);
  const mixed = at(scope, 'attention.output');
  const projected = dropout(mixed, linear(mixed, 'dense', context, hiddenSize), config.hiddenDropout);
  const attended = layerNorm(mixed, 'LayerNorm', ops.add(projected, hidden), layerNormEpsilon);
  const wide = linear(at(scope, 'intermediate'), 'dense', attended, config.intermediateSize);
  const output = at(scope, 'output');
  const narrow = linear(output, 'dense', activation(config.activation)(wide), hiddenSize);
  const residual = ops.add(dropout(output, narrow, config.hiddenDropout), attended);
  return layerNorm(output, 'LayerNorm', residual, layerNormEpsilon);
}

/**
 * `ConvLayer`: a convolution along the sequence, padded to keep its length, added to what the first
 * layer returned. It is one product with the tokens around each token side by side. [batch*seq,
 * hiddenSize] in and out.
 */
function convolution(
  scope: ModuleScope,
  config: DebertaConfig,
  { width, activation: activate }: { readonly width: number; readonly activation: string },
  embedded: Value,
  firstLayer: Value,
  tokens: Value,
): Value {
  const { hiddenSize } = config;
  const sequences = ops.reshape(embedded, [axes.batch, axes.seq, hiddenSize]);
  const half = (width - 1) / 2;
  const around = Array.from({ length: width }, (_, place) =>
    place === half ? sequences : ops.shift(sequences, 1, half - place),
  );
  const inputs = ops.reshape(ops.concat(around, 2), [axes.tokens, width * hiddenSize]);
  const conv = at(scope, 'conv');
  const weight = parameter(conv, 'weight', [hiddenSize, hiddenSize, width], 'normal');
  const bias = parameter(conv, 'bias', [hiddenSize], 'zeros');
  const matrix = ops.reshape(ops.transpose(weight, [0, 2, 1]), [hiddenSize, width * hiddenSize]);
  const mixed = ops.linear(inputs, matrix, bias);
  const activated = activation(activate)(dropout(scope, mixed, config.hiddenDropout));
  const sum = ops.add(firstLayer, activated);
  return ops.mul(layerNorm(scope, 'LayerNorm', sum, config.layerNormEpsilon), tokens);
}

/**
 * The table of relative positions, [2*span, hiddenSize], and its rows for the distances of a batch.
 */
function relativePositions(scope: ModuleScope, config: DebertaConfig): RelativePositions | null {
  const { relative, hiddenSize } = config;
  if (relative === null) return null;
  const stored = parameter(
    at(scope, 'rel_embeddings'),
    'weight',
    [2 * spanOf(relative), hiddenSize],
    'normal',
  );
  const table = relative.normalized ? layerNorm(scope, 'LayerNorm', stored, config.layerNormEpsilon) : stored;
  return { table, rows: distanceRows(scope.build.graph, relative) };
}

/** `DebertaV2Encoder`: the stack of layers. */
function debertaEncoder(
  scope: ModuleScope,
  config: DebertaConfig,
  embedded: Value,
  masks: AttentionMasks,
): Value {
  const positions = relativePositions(scope, config);
  let hidden = embedded;
  for (let layer = 0; layer < config.layers; layer++) {
    hidden = debertaLayer(at(scope, `layer.${layer}`), config, hidden, masks, positions);
    if (layer === 0 && config.convolution !== null) {
      const { convolution: shape } = config;
      hidden = convolution(at(scope, 'conv'), config, shape, embedded, hidden, masks.tokens);
    }
  }
  return hidden;
}

export const debertaV2: Architecture<DebertaConfig> = {
  modelType: 'deberta-v2',
  backboneName: 'deberta',
  classNames: {
    'text-classification': 'DebertaV2ForSequenceClassification',
    'multi-label-classification': 'DebertaV2ForSequenceClassification',
    regression: 'DebertaV2ForSequenceClassification',
    'token-classification': 'DebertaV2ForTokenClassification',
  },
  tiedCopies: () => ({
    'cls.predictions.decoder.weight': 'deberta.embeddings.word_embeddings.weight',
    'cls.predictions.decoder.bias': 'cls.predictions.bias',
  }),
  ignoredParameters: [/^(cls|lm_predictions|mask_predictions)\./],
  parseConfig: parseDebertaConfig,
  backbone(scope, config, inputs) {
    const module = at(scope, 'deberta');
    const mask = ops.cast(inputs.attentionMask, 'float32');
    const masks = {
      keys: ops.reshape(additiveMask(inputs.attentionMask), [axes.batch, 1, axes.seq]),
      tokens: ops.reshape(mask, [axes.tokens, 1]),
    };
    const embedded = debertaEmbeddings(at(module, 'embeddings'), config, inputs, masks.tokens);
    return debertaEncoder(at(module, 'encoder'), config, embedded, masks);
  },
  head(scope, config, hidden, { task, labelCount }) {
    if (task === 'token-classification') {
      return linear(scope, 'classifier', dropout(scope, hidden, config.hiddenDropout), labelCount);
    }
    const pooler = at(scope, 'pooler');
    const first = dropout(pooler, firstToken(hidden, config.hiddenSize), config.pooler.dropout);
    const pooled = activation(config.pooler.activation)(linear(pooler, 'dense', first, config.hiddenSize));
    return linear(scope, 'classifier', dropout(scope, pooled, config.classifierDropout), labelCount);
  },
};
