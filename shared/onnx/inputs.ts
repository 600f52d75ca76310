/** @file What networks read: the inputs that are known by name, and what of a batch each of them is. */
import { RegmeanError } from '../errors.ts';
import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import type { BackboneInputs } from '../models/architecture.ts';

/** An input of a network, [batch, tokens]. */
export interface KnownInput {
  readonly shape: readonly ['batch', 'seq' | 'target'];
  /** Of the inputs of a model family, int32 or int64. Batches are padded on the right, so positions count from the left. */
  of(inputs: BackboneInputs): Value;
}

const inputs: Readonly<Record<string, KnownInput>> = {
  input_ids: { shape: ['batch', 'seq'], of: ({ inputIds }) => inputIds },
  attention_mask: { shape: ['batch', 'seq'], of: ({ attentionMask }) => attentionMask },
  token_type_ids: { shape: ['batch', 'seq'], of: ({ tokenTypeIds }) => tokenTypeIds },
  position_ids: {
    shape: ['batch', 'seq'],
    of: ({ inputIds }) => ops.add(zerosLikeInt64(inputIds), ops.positionsOf(inputIds, 1)),
  },
  decoder_input_ids: { shape: ['batch', 'target'], of: (given) => decoderInputIds(given) },
  // Every token: what a decoder computes of tokens does not depend on the padding behind them.
  decoder_attention_mask: {
    shape: ['batch', 'target'],
    of: (given) => ops.addScalar(zerosLikeInt64(decoderInputIds(given)), 1),
  },
};

/** Names of the inputs that are known. */
export const inputNames: readonly string[] = Object.keys(inputs);

/** The input of a name. */
export function knownInput(name: string): KnownInput {
  const known = inputs[name];
  if (known !== undefined) return known;
  throw new RegmeanError('unsupported', `inputs must be among ${inputNames.join(', ')}, got ${name}`);
}

function decoderInputIds({ decoderInputIds: ids }: BackboneInputs): Value {
  if (ids !== null) return ids;
  throw new RegmeanError('unsupported', 'decoder_input_ids: the network is for text2text only');
}

function zerosLikeInt64(x: Value): Value {
  return ops.zerosLike(ops.cast(x, 'int64'));
}
