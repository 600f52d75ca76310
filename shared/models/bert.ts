/**
 * @file BERT (Devlin et al., 2019), top to bottom: config, embeddings, attention, layer, encoder,
 *   heads. Function names follow Hugging Face's modules, parameter names are theirs.
 */

import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { z } from '../zod.ts';
import type { Architecture, BackboneInputs, HeadRequest, ModelConfig } from './architecture.ts';
import { activation, additiveMask, firstToken, multiHeadAttention } from './attention.ts';
import { axes } from './axes.ts';
import { layerCount, parseConfigJson, requireHeads } from './config.ts';
import { tiedDecoder } from './masked-lm-head.ts';
import { at, dropout, embedding, layerNorm, linear, type ModuleScope, parameter } from './scope.ts';

/** config.json of BERT and of families that copied its fields. */
export const bertConfigSchema = z.object({
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  num_hidden_layers: layerCount,
  num_attention_heads: z.int().positive(),
  intermediate_size: z.int().positive(),
  hidden_act: z.string().default('gelu'),
  hidden_dropout_prob: z.number().min(0).max(1).default(0.1),
  attention_probs_dropout_prob: z.number().min(0).max(1).default(0.1),
  classifier_dropout: z.number().min(0).max(1).nullish(),
  max_position_embeddings: z.int().positive(),
  type_vocab_size: z.int().positive().default(2),
  initializer_range: z.number().positive().default(0.02),
  layer_norm_eps: z.number().positive().default(1e-12),
  pad_token_id: z.int().nullish(),
  position_embedding_type: z.literal('absolute').default('absolute'),
  is_decoder: z.literal(false, 'must be false: only encoders are read here').default(false),
  add_cross_attention: z.literal(false, 'must be false: only encoders are read here').default(false),
});

export interface BertConfig extends ModelConfig {
  readonly layers: number;
  readonly heads: number;
  readonly intermediateSize: number;
  readonly activation: string;
  readonly hiddenDropout: number;
  readonly attentionDropout: number;
  readonly classifierDropout: number;
  readonly maxPositions: number;
  readonly tokenTypes: number;
  readonly layerNormEpsilon: number;
}

/** The fields of config.json under our names. */
export function parseBertConfig(json: unknown): BertConfig {
  const raw = parseConfigJson(bertConfigSchema, json);
  requireHeads('hidden_size', raw.hidden_size, raw.num_attention_heads);
  return {
    inputs: {
      vocabSize: raw.vocab_size,
      typeVocabSize: raw.type_vocab_size,
      maxLength: raw.max_position_embeddings,
      padTokenId: raw.pad_token_id ?? 0,
    },
    hiddenSize: raw.hidden_size,
    initializerRange: raw.initializer_range,
    layers: raw.num_hidden_layers,
    heads: raw.num_attention_heads,
    intermediateSize: raw.intermediate_size,
    activation: raw.hidden_act,
    hiddenDropout: raw.hidden_dropout_prob,
    attentionDropout: raw.attention_probs_dropout_prob,
    classifierDropout: raw.classifier_dropout ?? raw.hidden_dropout_prob,
    maxPositions: raw.max_position_embeddings,
    tokenTypes: raw.type_vocab_size,
    layerNormEpsilon: raw.layer_norm_eps,
  };
}

/**
 * `BertEmbeddings`: words + token types + positions.
 *
 * @param positions int32 or int64, [seq] or [batch, seq]
 * @returns [batch*seq, hiddenSize]
 */
export function bertEmbeddings(
  scope: ModuleScope,
  config: BertConfig,
  inputs: BackboneInputs,
  positions: Value,
): Value {
  const { hiddenSize } = config;
  const words = embedding(scope, 'word_embeddings', inputs.inputIds, config.inputs.vocabSize, hiddenSize);
  const places = embedding(scope, 'position_embeddings', positions, config.maxPositions, hiddenSize);
  const types = embedding(scope, 'token_type_embeddings', inputs.tokenTypeIds, config.tokenTypes, hiddenSize);
  const sum = ops.reshape(ops.add(ops.add(words, types), places), [axes.tokens, hiddenSize]);
  return dropout(scope, layerNorm(scope, 'LayerNorm', sum, config.layerNormEpsilon), config.hiddenDropout);
}

/**
 * `BertAttention`: self-attention, projection, residual, LayerNorm. [batch*seq, hiddenSize] in and
 * out.
 */
function bertAttention(scope: ModuleScope, config: BertConfig, hidden: Value, mask: Value): Value {
  const { hiddenSize, heads } = config;
  const self = at(scope, 'self');
  const query = linear(self, 'query', hidden, hiddenSize);
  const key = linear(self, 'key', hidden, hiddenSize);
  const value = linear(self, 'value', hidden, hiddenSize);
  const context = multiHeadAttention(self, query, key, value, mask, {
    heads,
    headSize: hiddenSize / heads,
    dropout: config.attentionDropout,
  });
  const output = at(scope, 'output');
  const projected = dropout(output, linear(output, 'dense', context, hiddenSize), config.hiddenDropout);
  return layerNorm(output, 'LayerNorm', ops.add(projected, hidden), config.layerNormEpsilon);
}

/** `BertLayer`: attention, then the feed-forward block. [batch*seq, hiddenSize] in and out. */
function bertLayer(scope: ModuleScope, config: BertConfig, hidden: Value, mask: Value): Value {
  const attended = bertAttention(at(scope, 'attention'), config, hidden, mask);
  const wide = linear(at(scope, 'intermediate'), 'dense', attended, config.intermediateSize);
  const output = at(scope, 'output');
  const narrow = linear(output, 'dense', activation(config.activation)(wide), config.hiddenSize);
  const residual = ops.add(dropout(output, narrow, config.hiddenDropout), attended);
  return layerNorm(output, 'LayerNorm', residual, config.layerNormEpsilon);
}

/** `BertEncoder`: the stack of layers. */
export function bertEncoder(
  scope: ModuleScope,
  config: BertConfig,
  embedded: Value,
  attentionMask: Value,
): Value {
  const mask = additiveMask(attentionMask);
  let hidden = embedded;
  for (let layer = 0; layer < config.layers; layer++) {
    hidden = bertLayer(at(scope, `encoder.layer.${layer}`), config, hidden, mask);
  }
  return hidden;
}

/**
 * `BertPredictionHeadTransform` and the tied decoder: logits of the masked tokens, [masked, vocab].
 */
function bertMaskedLmHead(scope: ModuleScope, config: BertConfig, hidden: Value, masked: Value): Value {
  const predictions = at(scope, 'cls.predictions');
  const transform = at(predictions, 'transform');
  const dense = linear(transform, 'dense', ops.gather(hidden, masked), config.hiddenSize);
  const x = layerNorm(transform, 'LayerNorm', activation(config.activation)(dense), config.layerNormEpsilon);
  const words = parameter(
    at(scope, 'bert.embeddings.word_embeddings'),
    'weight',
    [config.inputs.vocabSize, config.hiddenSize],
    'normal',
  );
  return tiedDecoder(x, words, parameter(predictions, 'bias', [config.inputs.vocabSize], 'zeros'));
}

export const bert: Architecture<BertConfig> = {
  modelType: 'bert',
  backboneName: 'bert',
  classNames: {
    'text-classification': 'BertForSequenceClassification',
    'multi-label-classification': 'BertForSequenceClassification',
    regression: 'BertForSequenceClassification',
    'token-classification': 'BertForTokenClassification',
    'masked-lm': 'BertForMaskedLM',
  },
  tiedCopies: () => ({
    'cls.predictions.decoder.weight': 'bert.embeddings.word_embeddings.weight',
    'cls.predictions.decoder.bias': 'cls.predictions.bias',
  }),
  ignoredParameters: [],
  parseConfig: parseBertConfig,
  backbone(scope, config, inputs) {
    const module = at(scope, 'bert');
    const positions = ops.positionsOf(inputs.inputIds, 1);
    const embedded = bertEmbeddings(at(module, 'embeddings'), config, inputs, positions);
    return bertEncoder(module, config, embedded, inputs.attentionMask);
  },
  head(scope, config, hidden, request: HeadRequest) {
    if (request.maskedPositions !== null) {
      return bertMaskedLmHead(scope, config, hidden, request.maskedPositions);
    }
    const rows =
      request.task === 'token-classification'
        ? hidden
        : ops.tanh(
            linear(
              at(scope, 'bert.pooler'),
              'dense',
              firstToken(hidden, config.hiddenSize),
              config.hiddenSize,
            ),
          );
    return linear(scope, 'classifier', dropout(scope, rows, config.classifierDropout), request.labelCount);
  },
};
