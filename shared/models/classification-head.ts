import type { Value } from '../graph/graph.ts';
import { firstToken } from './attention.ts';
import type { BertConfig } from './bert.ts';
import { at, dropout, linear, type ModuleScope } from './scope.ts';

/**
 * `RobertaClassificationHead` and those like it: dense, activation, projection of the first token.
 *
 * @param hidden [batch*seq, hiddenSize]
 * @returns logits, [batch, labels]
 */
export function classificationHead(
  scope: ModuleScope,
  config: BertConfig,
  hidden: Value,
  labelCount: number,
  activate: (x: Value) => Value,
): Value {
  const head = at(scope, 'classifier');
  const first = dropout(head, firstToken(hidden, config.hiddenSize), config.classifierDropout);
  const dense = activate(linear(head, 'dense', first, config.hiddenSize));
  return linear(head, 'out_proj', dropout(head, dense, config.classifierDropout), labelCount);
}
