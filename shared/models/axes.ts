/** @file The sizes of a batch, as the inputs of models' graphs name their axes. */
import { multiplied, named } from '../graph/sizes.ts';

const [batch, seq, target] = [named('batch'), named('seq'), named('target')];

/** Sizes that are known when a batch is there. */
export const axes = {
  batch,
  seq,
  target,
  /** Tokens that a decoder has read before. */
  past: named('past'),
  /** All tokens of a batch, padding included. */
  tokens: multiplied([batch, seq]),
  /** All tokens of a batch's targets. */
  targetTokens: multiplied([batch, target]),
} as const;
