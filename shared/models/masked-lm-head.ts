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
