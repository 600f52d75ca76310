/**
 * @file What decoder-only families share: positions and masks with and without a past, keys and
 *   values that are kept, heads.
 */

import { RegmeanError } from '../errors.ts';
import type { Shape, Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { type Size, summed } from '../graph/sizes.ts';
import { z } from '../zod.ts';
import type {
  BackboneInputs,
  Decoding,
  DecodingInputs,
  DecodingStep,
  HeadRequest,
  ModelConfig,
} from './architecture.ts';
import { additiveMask, causalMask } from './attention.ts';
import { axes } from './axes.ts';
import { inBase, linearWithoutBias, type ModuleScope } from './scope.ts';

/** Keys and values of an attention block, [batch, heads, keys, headSize] each. */
export interface KeysAndValues {
  readonly key: Value;
  readonly value: Value;
}

/** What the blocks of a decoder read beside hidden states. */
export interface DecoderContext {
  readonly inputIds: Value;
  /** How many tokens are read: all of them, or those after the past. */
  readonly length: Size;
  /** Positions of the tokens, int64 [length]. */
  readonly positions: Value;
  /**
   * The additive mask of attention, broadcasts to [batch, heads, length, keys].
   *
   * @param window how many tokens each one sees, itself included; all before it when null
   */
  mask(window: number | null): Value;
  /**
   * The keys and values that block `layer` reads, those of its past before its own; they are kept
   * for the next step.
   */
  withPast(layer: number, own: KeysAndValues): KeysAndValues;
}

const keptName = (layer: number, part: 'key' | 'value'): string => `layers.${layer}.${part}`;

/** The context of whole texts, padded on the right. */
export function wholeContext({ inputIds, attentionMask }: BackboneInputs): DecoderContext {
  const positions = ops.positionsOf(inputIds, 1);
  const padding = additiveMask(attentionMask);
  return {
    inputIds,
    length: axes.seq,
    positions,
    mask: (window) => ops.add(causalMask(positions, positions, window), padding),
    withPast: (_, own) => own,
  };
}

/** The context of tokens after a past, without padding, and what it keeps. */
function stepContext({ inputIds, past }: DecodingInputs, present: Map<string, Value>): DecoderContext {
  const kept = (layer: number, part: 'key' | 'value'): Value => {
    const value = past?.get(keptName(layer, part));
    if (value === undefined)
      throw new RegmeanError('invalid-input', `decoding: ${keptName(layer, part)} is missing`);
    return value;
  };
  const own = ops.positionsOf(inputIds, 1);
  const before = ops.sizeOfAxis(kept(0, 'key'), 2);
  const positions = ops.add(own, before);
  const graph = inputIds.graph;
  const all = ops.add(ops.sizeOfAxis(inputIds, 1), before);
  const keys = ops.range(graph.scalar(0, 'int64'), all, summed([axes.past, axes.target]));
  return {
    inputIds,
    length: axes.target,
    positions,
    mask: (window) => causalMask(positions, keys, window),
    withPast(layer, { key, value }) {
      const joined = {
        key: ops.concat([kept(layer, 'key'), key], 2),
        value: ops.concat([kept(layer, 'value'), value], 2),
      };
      present.set(keptName(layer, 'key'), joined.key).set(keptName(layer, 'value'), joined.value);
      return joined;
    },
  };
}

/** Sizes of what a decoder keeps. */
interface KeptSizes {
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
}

/** How a decoder-only family generates: its blocks over the tokens after a past. */
export function decodingOf<C extends ModelConfig>(
  sizesOf: (config: C) => KeptSizes,
  backbone: (scope: ModuleScope, config: C, context: DecoderContext) => Value,
): Decoding<C> {
  return {
    memory: () => new Map(),
    past(config) {
      const { layers, heads, headSize } = sizesOf(config);
      const shape: Shape = [axes.batch, heads, axes.past, headSize];
      const names = Array.from({ length: layers }, (_, layer) => [
        keptName(layer, 'key'),
        keptName(layer, 'value'),
      ]);
      return new Map(names.flat().map((name) => [name, shape]));
    },
    step(scope, config, inputs): DecodingStep {
      const present = new Map<string, Value>();
      return { hidden: backbone(scope, config, stepContext(inputs, present)), present };
    },
  };
}

/** What heads of decoder-only families read of config.json. */
export interface DecoderConfig extends ModelConfig {
  /** `pad_token_id`; null where config.json names none, or one that no token has. */
  readonly padTokenId: number | null;
}

/** `pad_token_id` of config.json, negative in files that mean that there is none. */
export const padTokenIdSchema = z
  .int()
  .nullish()
  .transform((id) => (id === undefined || id === null || id < 0 ? null : id));

/**
 * What batches are filled with: the padding token, else a token that ends texts. The mask tells
 * padding from tokens, so any id of the vocabulary would do.
 */
export function fillingToken(
  padTokenId: number | null,
  endTokenIds: readonly number[],
  vocabSize: number,
): number {
  return padTokenId ?? endTokenIds.find((id) => id < vocabSize) ?? 0;
}

/**
 * The last token of every sequence, as `transformers` finds it: the rightmost that is not the
 * padding token, whatever the mask says of it, so that a tokenizer which ends texts with that token
 * has the one before read. A text of nothing but padding has its first token read. Without a
 * padding token it is the rightmost that the mask keeps.
 *
 * @param hidden [batch*seq, hiddenSize]
 * @returns [batch, hiddenSize]
 */
export function lastToken(
  hidden: Value,
  { inputIds, attentionMask }: Pick<HeadRequest, 'inputIds' | 'attentionMask'>,
  padTokenId: number | null,
): Value {
  const { graph } = hidden;
  const isPadding =
    padTokenId === null
      ? ops.equal(attentionMask, graph.scalar(0, 'int32'))
      : ops.equal(inputIds, graph.scalar(padTokenId, 'int32'));
  const positions = ops.where(isPadding, graph.scalar(0, 'int64'), ops.positionsOf(inputIds, 1));
  const last = ops.reshape(ops.reduceMax(positions, [1]), [axes.batch]);
  const starts = ops.mul(ops.positionsOf(inputIds, 0), ops.sizeOfAxis(inputIds, 1));
  return ops.gather(hidden, ops.add(starts, last));
}

/**
 * The head over the last token: `score`, without a bias.
 *
 * @returns logits [batch, labels]
 */
export function scoreHead(
  scope: ModuleScope,
  { padTokenId }: DecoderConfig,
  hidden: Value,
  request: HeadRequest,
): Value {
  return linearWithoutBias(scope, 'score', lastToken(hidden, request, padTokenId), request.labelCount);
}

/**
 * The language-model head, part of the base model: `lm_head`, or the word embeddings where `words`
 * is given.
 *
 * @returns logits [rows, vocab]
 */
export function languageModelHead(
  scope: ModuleScope,
  hidden: Value,
  vocabSize: number,
  words: Value | null,
): Value {
  if (words !== null) return ops.linear(hidden, words, null);
  return linearWithoutBias(inBase(scope), 'lm_head', hidden, vocabSize);
}
