/** @file What the rows of a linear layer's input are, whatever axes they lie in. */

import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { multiplied, type Size } from '../graph/sizes.ts';
import { axes } from './axes.ts';

/** Tokens or targets' tokens, padding included, sequences, or relative positions. */
export type RowKind = 'tokens' | 'targets' | 'sequences' | 'positions';

const tokensOfAllSequences = multiplied([axes.seq, axes.batch]);

const kinds: ReadonlyMap<Size, RowKind> = new Map([
  [axes.tokens, 'tokens'],
  [tokensOfAllSequences, 'tokens'],
  [axes.targetTokens, 'targets'],
  [axes.batch, 'sequences'],
]);

/** What the rows of an activation [.., features] are; null where they are none of these. */
export function rowKindOf({ shape }: Value): RowKind | null {
  const rows = multiplied(shape.slice(0, -1));
  return typeof rows === 'number' ? 'positions' : (kinds.get(rows) ?? null);
}

/**
 * An activation [.., features] as [rows, features], tokens of one sequence after those of the one
 * before.
 */
export function flatRows(input: Value): Value {
  const features = input.shape.at(-1) ?? 1;
  const leading = input.shape.slice(0, -1);
  if (multiplied(leading) === tokensOfAllSequences) {
    const apart = ops.reshape(input, [axes.seq, axes.batch, features]);
    return ops.reshape(ops.transpose(apart, [1, 0, 2]), [axes.tokens, features]);
  }
  return ops.reshape(input, [multiplied(leading), features]);
}
