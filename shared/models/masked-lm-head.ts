import { RegmeanError } from '../errors.ts';
import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';

/**
 * The decoder of a masked-LM head, tied to the word embeddings: x E^T + bias.
 *
 * @param x [masked, hiddenSize]
 * @param words [vocab, hiddenSize]
 * @param bias [vocab]
 * @returns logits [masked, vocab]
 */
export function tiedDecoder(x: Value, words: Value, bias: Value): Value {
  return ops.linear(x, words, bias);
}

/** A family whose masked-LM head is not here: it is fine-tuned, not pretrained. */
export function noMaskedLm(family: string): RegmeanError {
  return new RegmeanError('unsupported', `${family}: has no masked-lm head here, only heads for fine-tuning`);
}
