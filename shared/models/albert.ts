/**
 * @file ALBERT (Lan et al., 2020), top to bottom: narrow embeddings, and few layers that are used
 *   many times over. A layer's Gram sums the rows of all its uses. Parameter names are Hugging
 *   Face's.
 */

import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { z } from '../zod.ts';
import type { Architecture } from './architecture.ts';
import { activation, additiveMask, firstToken, multiHeadAttention } from './attention.ts';
import { type BertConfig, bertConfigSchema, bertEmbeddings, parseBertConfig } from './bert.ts';
import { layerCount, parseConfigJson } from './config.ts';
import { at, dropout, layerNorm, linear, type ModuleScope } from './scope.ts';

const albertConfigSchema = bertConfigSchema.extend({
  embedding_size: z.int().positive().default(128),
  hidden_act: z.string().default('gelu_new'),
  hidden_dropout_prob: z.number().min(0).max(1).default(0),
  attention_probs_dropout_prob: z.number().min(0).max(1).default(0),
  classifier_dropout_prob: z.number().min(0).max(1).default(0.1),
  num_hidden_groups: layerCount.default(1),
  inner_group_num: layerCount.default(1),
});

interface AlbertConfig extends BertConfig {
  readonly embeddingSize: number;
  /** Layers are divided into so many groups; all layers of a group share their parameters. */
  readonly groups: number;
  /** Distinct layers of a group, which follow one another. */
  readonly layersPerGroup: number;
}

/** `AlbertLayer`: attention and feed-forward block. [batch*seq, hiddenSize] in and out. */
function albertLayer(scope: ModuleScope, config: AlbertConfig, hidden: Value, mask: Value): Value {
  const { hiddenSize, heads } = config;
  const attention = at(scope, 'attention');
  const context = multiHeadAttention(
    attention,
    linear(attention, 'query', hidden, hiddenSize),
    linear(attention, 'key', hidden, hiddenSize),
    linear(attention, 'value', hidden, hiddenSize),
    mask,
    { heads, headSize: hiddenSize / heads, dropout: config.attentionDropout },
  );
  const projected = dropout(attention, linear(attention, 'dense', context, hiddenSize), config.hiddenDropout);
  const attended = layerNorm(attention, 'LayerNorm', ops.add(hidden, projected), config.layerNormEpsilon);
  const wide = activation(config.activation)(linear(scope, 'ffn', attended, config.intermediateSize));
  const narrow = dropout(scope, linear(scope, 'ffn_output', wide, hiddenSize), config.hiddenDropout);
  return layerNorm(scope, 'full_layer_layer_norm', ops.add(narrow, attended), config.layerNormEpsilon);
}

/** `AlbertTransformer`: the projection of the embeddings, then the groups. */
function albertTransformer(scope: ModuleScope, config: AlbertConfig, embedded: Value, mask: Value): Value {
  let hidden = linear(scope, 'embedding_hidden_mapping_in', embedded, config.hiddenSize);
  for (let layer = 0; layer < config.layers; layer++) {
    const group = Math.floor((layer * config.groups) / config.layers);
    for (let inner = 0; inner < config.layersPerGroup; inner++) {
      const module = at(scope, `albert_layer_groups.${group}.albert_layers.${inner}`);
      hidden = albertLayer(module, config, hidden, mask);
    }
  }
  return hidden;
}

export const albert: Architecture<AlbertConfig> = {
  modelType: 'albert',
  backboneName: 'albert',
  classNames: {
    'text-classification': 'AlbertForSequenceClassification',
    'multi-label-classification': 'AlbertForSequenceClassification',
    regression: 'AlbertForSequenceClassification',
    'token-classification': 'AlbertForTokenClassification',
  },
  tiedCopies: () => ({
    'predictions.decoder.weight': 'albert.embeddings.word_embeddings.weight',
    'predictions.decoder.bias': 'predictions.bias',
  }),
  ignoredParameters: [/^(predictions|sop_classifier)\./],
  parseConfig(json) {
    const raw = parseConfigJson(albertConfigSchema, json);
    return {
      ...parseBertConfig(raw),
      classifierDropout: raw.classifier_dropout_prob,
      embeddingSize: raw.embedding_size,
      groups: raw.num_hidden_groups,
      layersPerGroup: raw.inner_group_num,
    };
  },
  backbone(scope, config, inputs) {
    const module = at(scope, 'albert');
    const positions = ops.positionsOf(inputs.inputIds, 1);
    const narrow = { ...config, hiddenSize: config.embeddingSize };
    const embedded = bertEmbeddings(at(module, 'embeddings'), narrow, inputs, positions);
    return albertTransformer(at(module, 'encoder'), config, embedded, additiveMask(inputs.attentionMask));
  },
  head(scope, config, hidden, request) {
    const rows =
      request.task === 'token-classification'
        ? hidden
        : ops.tanh(
            linear(at(scope, 'albert'), 'pooler', firstToken(hidden, config.hiddenSize), config.hiddenSize),
          );
    return linear(scope, 'classifier', dropout(scope, rows, config.classifierDropout), request.labelCount);
  },
};
