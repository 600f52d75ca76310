/** @file What the rows of a layer's input are, whatever axes they lie in. */

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

/** Where the rows of an activation [.., features] lie. */
export interface InputLayout {
  readonly kind: RowKind;
  /** How many vectors of features every row has: one for each head where heads are apart. */
  readonly perRow: number;
}

/**
 * What the vectors of an activation [.., features] are; null where their rows are none of these.
 */
export function inputLayout(input: Value): InputLayout | null {
  const kind = rowKindOf(input);
  if (kind !== null) return { kind, perRow: 1 };
  const rows = kinds.get(multiplied(leadingSizes(input).filter(isOfData)));
  if (rows === undefined) return null;
  const apart = leadingSizes(input).filter((size) => !isOfData(size));
  return { kind: rows, perRow: Number(multiplied(apart)) };
}

/**
 * An activation with a layout as [rows, features], or [rows, perRow, features] where each row has
 * several vectors.
 */
export function rowsApart(input: Value, { perRow }: InputLayout): Value {
  if (rowKindOf(input) !== null) return flatRows(input);
  const sizes = leadingSizes(input);
  const axesWhere = (holds: (size: Size) => boolean): number[] =>
    sizes.flatMap((size, axis) => (holds(size) ? [axis] : []));
  const ofData = axesWhere(isOfData).sort(
    (a, b) => Number(sizes[b] === axes.batch) - Number(sizes[a] === axes.batch),
  );
  const moved = ops.transpose(input, [...ofData, ...axesWhere((size) => !isOfData(size)), sizes.length]);
  const rows = multiplied(ofData.map((axis) => sizes[axis] as Size));
  return ops.reshape(moved, [rows, perRow, input.shape.at(-1) ?? 1]);
}

function leadingSizes({ shape }: Value): readonly Size[] {
  return shape.slice(0, -1);
}

function isOfData(size: Size): boolean {
  return typeof size !== 'number';
}
