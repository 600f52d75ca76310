/**
 * @file What decoder-only families share: positions and masks with and without a past, keys and
 *   values that are kept, heads.
 */
import { RegmeanError } from '../errors.ts';
import type { Shape, Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import type {
  BackboneInputs,
  Decoding,
  DecodingInputs,
  DecodingStep,
  HeadRequest,
  ModelConfig,
} from './architecture.ts';
import { additiveMask, causalMask } from './attention.ts';
import { inBase, linearWithoutBias, type ModuleScope } from './scope.ts';

/** Keys and values of an attention block, [batch, heads, keys, headSize] each. */
export interface KeysAndValues {
  readonly key: Value;
  readonly value: Value;
}

/** What the blocks of a decoder read beside hidden states. */
export interface DecoderContext {
  readonly inputIds: Value;
  /** The symbol of how many tokens are read: all of them, or those after the past. */
  readonly length: 'seq' | 'target';
  /** Positions of the tokens, int64 [length]. */
  readonly positions: Value;
  /** The additive mask of attention, broadcasts to [batch, heads, length, keys]. */
  readonly mask: Value;
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
  const mask = ops.add(causalMask(positions, positions), additiveMask(attentionMask));
  return { inputIds, length: 'seq', positions, mask, withPast: (_, own) => own };
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
  const keys = ops.range(graph.scalar(0, 'int64'), all, 'past+target');
  return {
    inputIds,
    length: 'target',
    positions,
    mask: causalMask(positions, keys),
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
      const shape: Shape = ['batch', heads, 'past', headSize];
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

/**
 * The last token of every sequence, padded on the right.
 *
 * @param hidden [batch*seq, hiddenSize]
 * @param attentionMask int32 [batch, seq]
 * @returns [batch, hiddenSize]
 */
export function lastToken(hidden: Value, attentionMask: Value): Value {
  const lengths = ops.cast(ops.reduceSum(attentionMask, [1], false), 'int64');
  const starts = ops.mul(ops.positionsOf(attentionMask, 0), ops.sizeOfAxis(attentionMask, 1));
  return ops.gather(hidden, ops.addScalar(ops.add(starts, lengths), -1));
}

/**
 * The head over the last token, or over every token for `token-classification`: `score`, without a
 * bias.
 *
 * @returns logits [batch, labels] or [batch*seq, labels]
 */
export function scoreHead(scope: ModuleScope, hidden: Value, request: HeadRequest): Value {
  return linearWithoutBias(scope, 'score', lastToken(hidden, request.attentionMask), request.labelCount);
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
