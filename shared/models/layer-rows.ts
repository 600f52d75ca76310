/** @file What the rows of a linear layer's input are, whatever axes they lie in. */
import { productOf, type Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { factorsOf } from '../graph/sizes.ts';

/** Tokens or targets' tokens, padding included, sequences, or relative positions. */
export type RowKind = 'tokens' | 'targets' | 'sequences' | 'positions';

const kinds: Readonly<Record<string, RowKind>> = {
  'batch*seq': 'tokens',
  'seq*batch': 'tokens',
  'batch*target': 'targets',
  batch: 'sequences',
};

/** What the rows of an activation [.., features] are; null where they are none of these. */
export function rowKindOf({ shape }: Value): RowKind | null {
  const rows = productOf(shape.slice(0, -1));
  return typeof rows === 'number' ? 'positions' : (kinds[rows] ?? null);
}

/**
 * An activation [.., features] as [rows, features], tokens of one sequence after those of the one
 * before.
 */
export function flatRows(input: Value): Value {
  const features = input.shape.at(-1) ?? 1;
  const leading = input.shape.slice(0, -1);
  if (leading.flatMap((size) => factorsOf(size).names).join('*') === 'seq*batch') {
    const apart = ops.reshape(input, ['seq', 'batch', features]);
    return ops.reshape(ops.transpose(apart, [1, 0, 2]), ['batch*seq', features]);
  }
  return ops.reshape(input, [productOf(leading), features]);
}
