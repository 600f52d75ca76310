/** @file DistilBERT (Sanh et al., 2019): config, embeddings, attention, layer, encoder, heads. */

import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { z } from '../zod.ts';
import type { Architecture, BackboneInputs, ModelConfig } from './architecture.ts';
import { activation, additiveMask, firstToken, multiHeadAttention } from './attention.ts';
import { axes } from './axes.ts';
import { layerCount, parseConfigJson, requireHeads } from './config.ts';
import { tiedDecoder } from './masked-lm-head.ts';
import { at, dropout, embedding, layerNorm, linear, type ModuleScope, parameter } from './scope.ts';

const layerNormEpsilon = 1e-12;

const configSchema = z.object({
  vocab_size: z.int().positive(),
  dim: z.int().positive(),
  n_layers: layerCount,
  n_heads: z.int().positive(),
  hidden_dim: z.int().positive(),
  activation: z.string().default('gelu'),
  dropout: z.number().min(0).max(1).default(0.1),
  attention_dropout: z.number().min(0).max(1).default(0.1),
  seq_classif_dropout: z.number().min(0).max(1).default(0.2),
  max_position_embeddings: z.int().positive().default(512),
  initializer_range: z.number().positive().default(0.02),
  pad_token_id: z.int().nullish(),
});

interface DistilBertConfig extends ModelConfig {
  readonly layers: number;
  readonly heads: number;
  readonly intermediateSize: number;
  readonly activation: string;
  readonly dropout: number;
  readonly attentionDropout: number;
  readonly classifierDropout: number;
}

function parseDistilBertConfig(json: unknown): DistilBertConfig {
  const raw = parseConfigJson(configSchema, json);
  requireHeads('dim', raw.dim, raw.n_heads);
  return {
    inputs: {
      vocabSize: raw.vocab_size,
      maxLength: raw.max_position_embeddings,
      padTokenId: raw.pad_token_id ?? 0,
    },
    hiddenSize: raw.dim,
    initializerRange: raw.initializer_range,
    layers: raw.n_layers,
    heads: raw.n_heads,
    intermediateSize: raw.hidden_dim,
    activation: raw.activation,
    dropout: raw.dropout,
    attentionDropout: raw.attention_dropout,
    classifierDropout: raw.seq_classif_dropout,
  };
}

/** `Embeddings`: words + positions; there are no token types. [batch*seq, hiddenSize] */
function embeddings(scope: ModuleScope, config: DistilBertConfig, inputIds: Value): Value {
  const { hiddenSize } = config;
  const positions = ops.positionsOf(inputIds, 1);
  const words = embedding(scope, 'word_embeddings', inputIds, config.inputs.vocabSize, hiddenSize);
  const places = embedding(scope, 'position_embeddings', positions, config.inputs.maxLength, hiddenSize);
  const sum = ops.reshape(ops.add(words, places), [axes.tokens, hiddenSize]);
  return dropout(scope, layerNorm(scope, 'LayerNorm', sum, layerNormEpsilon), config.dropout);
}

/** `TransformerBlock`: self-attention and feed-forward, each with residual and LayerNorm. */
function transformerBlock(scope: ModuleScope, config: DistilBertConfig, hidden: Value, mask: Value): Value {
  const { hiddenSize, heads } = config;
  const attention = at(scope, 'attention');
  const query = linear(attention, 'q_lin', hidden, hiddenSize);
  const key = linear(attention, 'k_lin', hidden, hiddenSize);
  const value = linear(attention, 'v_lin', hidden, hiddenSize);
  const context = multiHeadAttention(attention, query, key, value, mask, {
    heads,
    headSize: hiddenSize / heads,
    dropout: config.attentionDropout,
  });
  const projected = linear(attention, 'out_lin', context, hiddenSize);
  const attended = layerNorm(scope, 'sa_layer_norm', ops.add(projected, hidden), layerNormEpsilon);
  const ffn = at(scope, 'ffn');
  const wide = activation(config.activation)(linear(ffn, 'lin1', attended, config.intermediateSize));
  const narrow = dropout(ffn, linear(ffn, 'lin2', wide, hiddenSize), config.dropout);
  return layerNorm(scope, 'output_layer_norm', ops.add(narrow, attended), layerNormEpsilon);
}

/**
 * The masked-LM head with the tied `vocab_projector`: logits of the masked tokens, [masked, vocab].
 */
function maskedLmHead(scope: ModuleScope, config: DistilBertConfig, hidden: Value, masked: Value): Value {
  const dense = linear(scope, 'vocab_transform', ops.gather(hidden, masked), config.hiddenSize);
  const activated = activation(config.activation)(dense);
  const x = layerNorm(scope, 'vocab_layer_norm', activated, layerNormEpsilon);
  const words = parameter(
    at(scope, 'distilbert.embeddings.word_embeddings'),
    'weight',
    [config.inputs.vocabSize, config.hiddenSize],
    'normal',
  );
  return tiedDecoder(
    x,
    words,
    parameter(at(scope, 'vocab_projector'), 'bias', [config.inputs.vocabSize], 'zeros'),
  );
}

export const distilbert: Architecture<DistilBertConfig> = {
  modelType: 'distilbert',
  backboneName: 'distilbert',
  classNames: {
    'text-classification': 'DistilBertForSequenceClassification',
    'multi-label-classification': 'DistilBertForSequenceClassification',
    regression: 'DistilBertForSequenceClassification',
    'token-classification': 'DistilBertForTokenClassification',
    'masked-lm': 'DistilBertForMaskedLM',
  },
  tiedCopies: () => ({ 'vocab_projector.weight': 'distilbert.embeddings.word_embeddings.weight' }),
  ignoredParameters: [],
  parseConfig: parseDistilBertConfig,
  backbone(scope, config, inputs: BackboneInputs) {
    const module = at(scope, 'distilbert');
    const mask = additiveMask(inputs.attentionMask);
    let hidden = embeddings(at(module, 'embeddings'), config, inputs.inputIds);
    for (let layer = 0; layer < config.layers; layer++) {
      hidden = transformerBlock(at(module, `transformer.layer.${layer}`), config, hidden, mask);
    }
    return hidden;
  },
  head(scope, config, hidden, request) {
    if (request.maskedPositions !== null) {
      return maskedLmHead(scope, config, hidden, request.maskedPositions);
    }
    if (request.task === 'token-classification') {
      return linear(scope, 'classifier', dropout(scope, hidden, config.dropout), request.labelCount);
    }
    const first = firstToken(hidden, config.hiddenSize);
    const dense = ops.relu(linear(scope, 'pre_classifier', first, config.hiddenSize));
    return linear(scope, 'classifier', dropout(scope, dense, config.classifierDropout), request.labelCount);
  },
};
