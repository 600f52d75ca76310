/**
 * @file MPNet (Song et al., 2020): BERT's encoder with RoBERTa's positions, no token types, and one
 *   relative position bias for all layers.
 */

import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { z } from '../zod.ts';
import type { Architecture } from './architecture.ts';
import { activation, additiveMask, attend, splitHeads } from './attention.ts';
import { axes } from './axes.ts';
import { type BertConfig, bertConfigSchema, parseBertConfig } from './bert.ts';
import { classificationHead } from './classification-head.ts';
import { parseConfigJson } from './config.ts';
import { relativeBias } from './relative-bias.ts';
import { robertaPositions } from './roberta.ts';
import { at, dropout, embedding, layerNorm, linear, type ModuleScope } from './scope.ts';

const mpnetConfigSchema = bertConfigSchema.extend({
  pad_token_id: z.int().nonnegative().default(1),
  relative_attention_num_buckets: z.int().min(4).default(32),
});

interface MpnetConfig extends BertConfig {
  readonly buckets: number;
}

/** The padding that positions are counted from, a constant in Hugging Face's code too. */
const paddingOfPositions = 1;

/** Distances from here on share a bucket; Hugging Face's code has it as a constant. */
const maxDistance = 128;

function mpnetEmbeddings(scope: ModuleScope, config: MpnetConfig, inputIds: Value): Value {
  const { hiddenSize } = config;
  const words = embedding(scope, 'word_embeddings', inputIds, config.inputs.vocabSize, hiddenSize);
  const positions = robertaPositions(inputIds, paddingOfPositions);
  const places = embedding(scope, 'position_embeddings', positions, config.maxPositions, hiddenSize);
  const sum = ops.reshape(ops.add(words, places), [axes.tokens, hiddenSize]);
  return dropout(scope, layerNorm(scope, 'LayerNorm', sum, config.layerNormEpsilon), config.hiddenDropout);
}

/** `MPNetLayer`: attention and feed-forward block. [batch*seq, hiddenSize] in and out. */
function mpnetLayer(scope: ModuleScope, config: MpnetConfig, hidden: Value, bias: Value): Value {
  const { hiddenSize, heads } = config;
  const attention = at(scope, 'attention');
  const self = at(attention, 'attn');
  const headsOf = (name: string): Value =>
    splitHeads(linear(self, name, hidden, hiddenSize), axes.seq, heads);
  const query = ops.mulScalar(headsOf('q'), 1 / Math.sqrt(hiddenSize / heads));
  const read = attend(self, query, headsOf('k'), headsOf('v'), bias, config.attentionDropout);
  const projected = dropout(attention, linear(self, 'o', read, hiddenSize), config.hiddenDropout);
  const attended = layerNorm(attention, 'LayerNorm', ops.add(projected, hidden), config.layerNormEpsilon);
  const wide = linear(at(scope, 'intermediate'), 'dense', attended, config.intermediateSize);
  const output = at(scope, 'output');
  const narrow = linear(output, 'dense', activation(config.activation)(wide), hiddenSize);
  const residual = ops.add(dropout(output, narrow, config.hiddenDropout), attended);
  return layerNorm(output, 'LayerNorm', residual, config.layerNormEpsilon);
}

export const mpnet: Architecture<MpnetConfig> = {
  modelType: 'mpnet',
  backboneName: 'mpnet',
  classNames: {
    'text-classification': 'MPNetForSequenceClassification',
    'multi-label-classification': 'MPNetForSequenceClassification',
    regression: 'MPNetForSequenceClassification',
    'token-classification': 'MPNetForTokenClassification',
  },
  tiedCopies: () => ({
    'lm_head.decoder.weight': 'mpnet.embeddings.word_embeddings.weight',
    'lm_head.decoder.bias': 'lm_head.bias',
  }),
  ignoredParameters: [/^lm_head\./, /^mpnet\.pooler\.dense\.(weight|bias)$/],
  parseConfig(json) {
    const raw = parseConfigJson(mpnetConfigSchema, json);
    const { inputs, ...config } = parseBertConfig(raw);
    const { vocabSize, padTokenId } = inputs;
    return {
      ...config,
      inputs: { vocabSize, padTokenId, maxLength: config.maxPositions - paddingOfPositions - 1 },
      buckets: raw.relative_attention_num_buckets,
    };
  },
  backbone(scope, config, inputs) {
    const module = at(scope, 'mpnet');
    const encoder = at(module, 'encoder');
    const positions = ops.positionsOf(inputs.inputIds, 1);
    const divided = { buckets: config.buckets, maxDistance, bidirectional: true };
    const pairs = { queries: positions, keys: positions };
    const relative = relativeBias(encoder, 'relative_attention_bias', pairs, config.heads, divided);
    const bias = ops.add(relative, additiveMask(inputs.attentionMask));
    let hidden = mpnetEmbeddings(at(module, 'embeddings'), config, inputs.inputIds);
    for (let layer = 0; layer < config.layers; layer++) {
      hidden = mpnetLayer(at(encoder, `layer.${layer}`), config, hidden, bias);
    }
    return hidden;
  },
  head(scope, config, hidden, request) {
    if (request.task !== 'token-classification') {
      return classificationHead(scope, config, hidden, request.labelCount, ops.tanh);
    }
    return linear(scope, 'classifier', dropout(scope, hidden, config.classifierDropout), request.labelCount);
  },
};
