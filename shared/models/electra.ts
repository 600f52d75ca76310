/**
 * @file ELECTRA's discriminator (Clark et al., 2020): BERT's encoder, embeddings that may be
 *   narrower than the hidden states, and a head of two layers. Parameter names are Hugging Face's.
 */

import * as ops from '../graph/ops/index.ts';
import { z } from '../zod.ts';
import type { Architecture } from './architecture.ts';
import { type BertConfig, bertConfigSchema, bertEmbeddings, bertEncoder, parseBertConfig } from './bert.ts';
import { classificationHead } from './classification-head.ts';
import { parseConfigJson } from './config.ts';
import { at, dropout, linear } from './scope.ts';

const electraConfigSchema = bertConfigSchema.extend({ embedding_size: z.int().positive().default(128) });

interface ElectraConfig extends BertConfig {
  readonly embeddingSize: number;
}

export const electra: Architecture<ElectraConfig> = {
  modelType: 'electra',
  backboneName: 'electra',
  classNames: {
    'text-classification': 'ElectraForSequenceClassification',
    'multi-label-classification': 'ElectraForSequenceClassification',
    regression: 'ElectraForSequenceClassification',
    'token-classification': 'ElectraForTokenClassification',
  },
  tiedCopies: () => ({ 'generator_lm_head.weight': 'electra.embeddings.word_embeddings.weight' }),
  ignoredParameters: [/^(discriminator_predictions|generator_predictions|generator_lm_head)\./],
  parseConfig(json) {
    const config = parseBertConfig(json);
    const { embedding_size } = parseConfigJson(electraConfigSchema, json);
    return { ...config, embeddingSize: embedding_size };
  },
  backbone(scope, config, inputs) {
    const module = at(scope, 'electra');
    const { embeddingSize, hiddenSize } = config;
    const positions = ops.positionsOf(inputs.inputIds, 1);
    const narrow = { ...config, hiddenSize: embeddingSize };
    const embedded = bertEmbeddings(at(module, 'embeddings'), narrow, inputs, positions);
    const projected =
      embeddingSize === hiddenSize ? embedded : linear(module, 'embeddings_project', embedded, hiddenSize);
    return bertEncoder(module, config, projected, inputs.attentionMask);
  },
  head(scope, config, hidden, request) {
    if (request.task === 'token-classification') {
      return linear(
        scope,
        'classifier',
        dropout(scope, hidden, config.classifierDropout),
        request.labelCount,
      );
    }
    return classificationHead(scope, config, hidden, request.labelCount, ops.gelu);
  },
};
