/** @file RoBERTa (Liu et al., 2019): BERT's encoder with its own positions and heads. */
import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import type { Architecture } from './architecture.ts';
import { type BertConfig, bertEmbeddings, bertEncoder, parseBertConfig } from './bert.ts';
import { classificationHead } from './classification-head.ts';
import { withDefaults } from './config.ts';
import { tiedDecoder } from './masked-lm-head.ts';
import { at, dropout, layerNorm, linear, type ModuleScope, parameter } from './scope.ts';

const defaultPadTokenId = 1;

function parseRobertaConfig(json: unknown): BertConfig {
  const config = parseBertConfig(withDefaults({ pad_token_id: defaultPadTokenId }, json));
  // Positions begin after the padding id, so that many rows of the table are never reached.
  const { inputs, maxPositions } = config;
  return { ...config, inputs: { ...inputs, maxLength: maxPositions - inputs.padTokenId - 1 } };
}

/**
 * Positions count the tokens that are not padding, beginning at padTokenId + 1; padding has
 * position padTokenId.
 *
 * @param inputIds int32 [batch, seq]
 * @returns int32 [batch, seq]
 */
export function robertaPositions(inputIds: Value, padTokenId: number): Value {
  const graph = inputIds.graph;
  const pad = graph.scalar(padTokenId, 'int32');
  const isPad = ops.equal(inputIds, pad);
  const isToken = ops.where(isPad, graph.scalar(0, 'int32'), graph.scalar(1, 'int32'));
  return ops.add(ops.mul(ops.cumSum(isToken, 1), isToken), pad);
}

/** `RobertaLMHead` with the tied decoder: logits of the masked tokens, [masked, vocab]. */
function robertaLmHead(scope: ModuleScope, config: BertConfig, hidden: Value, masked: Value): Value {
  const head = at(scope, 'lm_head');
  const dense = linear(head, 'dense', ops.gather(hidden, masked), config.hiddenSize);
  const x = layerNorm(head, 'layer_norm', ops.gelu(dense), config.layerNormEpsilon);
  const words = parameter(
    at(scope, 'roberta.embeddings.word_embeddings'),
    'weight',
    [config.inputs.vocabSize, config.hiddenSize],
    'normal',
  );
  return tiedDecoder(x, words, parameter(head, 'bias', [config.inputs.vocabSize], 'zeros'));
}

export const roberta: Architecture<BertConfig> = {
  modelType: 'roberta',
  backboneName: 'roberta',
  classNames: {
    'text-classification': 'RobertaForSequenceClassification',
    'multi-label-classification': 'RobertaForSequenceClassification',
    regression: 'RobertaForSequenceClassification',
    'token-classification': 'RobertaForTokenClassification',
    'masked-lm': 'RobertaForMaskedLM',
  },
  tiedCopies: () => ({
    'lm_head.decoder.weight': 'roberta.embeddings.word_embeddings.weight',
    'lm_head.decoder.bias': 'lm_head.bias',
  }),
  ignoredParameters: [/^roberta\.pooler\.dense\.(weight|bias)$/],
  parseConfig: parseRobertaConfig,
  backbone(scope, config, inputs) {
    const module = at(scope, 'roberta');
    const positions = robertaPositions(inputs.inputIds, config.inputs.padTokenId);
    const embedded = bertEmbeddings(at(module, 'embeddings'), config, inputs, positions);
    return bertEncoder(module, config, embedded, inputs.attentionMask);
  },
  head(scope, config, hidden, request) {
    if (request.maskedPositions !== null) {
      return robertaLmHead(scope, config, hidden, request.maskedPositions);
    }
    if (request.task === 'token-classification') {
      return linear(
        scope,
        'classifier',
        dropout(scope, hidden, config.classifierDropout),
        request.labelCount,
      );
    }
    return classificationHead(scope, config, hidden, request.labelCount, ops.tanh);
  },
};
