/**
 * @file Rules for ONNX Runtime's attention, taken apart: Attention projects to queries, keys and
 *   values with one matrix, which is a linear layer; MultiHeadAttention is given them. Nodes that
 *   are given keys and values of a past are not read.
 */

import { RegmeanError } from '../../errors.ts';
import type { Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import type { Size } from '../../graph/sizes.ts';
import { lowestFloat32 } from '../../models/attention.ts';
import { isNotLater, rotated, withHeads, withoutHeads } from './attention.ts';
import { product } from './matrix.ts';
import {
  aligned,
  float,
  input,
  integer,
  integers,
  isAsked,
  type Operator,
  type OperatorContext,
  type OperatorTable,
  optionalInput,
} from './operator.ts';

/** Queries, keys and values, [batch, heads, tokens, size] each. */
type Heads = readonly [query: Value, key: Value, value: Value];

const add = (a: Value, b: Value): Value => ops.add(...(aligned([a, b]) as [Value, Value]));

/** Columns of the last axis, as many as every width says. */
function columns(x: Value, widths: readonly number[]): readonly Value[] {
  const axis = x.shape.length - 1;
  return widths.map((width, at) => {
    const start = widths.slice(0, at).reduce((sum, own) => sum + own, 0);
    return ops.slice(x, axis, start, start + width);
  });
}

/**
 * softmax(query key^T scale + bias + mask) value, the heads beside each other: [batch, queries,
 * heads * size].
 *
 * @returns null for a mask in a form that is not read
 */
function attended(
  context: OperatorContext,
  [query, key, value]: Heads,
  mask: Value | null,
  bias: Value | null,
): Value | null {
  const padding = mask === null || isWithoutEffect(mask) ? null : paddingOf(context, mask, query, key);
  if (padding === undefined) return null;
  // Zero stands for the usual one.
  const scale = float(context, 'scale', 0) || 1 / Math.sqrt(Number(query.shape[3]));
  let scores = product(ops.mulScalar(query, scale), ops.transposeLast(key));
  if (bias !== null) scores = add(scores, bias);
  const later = integer(context, 'unidirectional', 0) === 1 ? isNotLater(query, key) : null;
  if (later !== null) {
    const [test, terms] = aligned([later, padding ?? scores.graph.scalar(0)]) as [Value, Value];
    scores = add(scores, ops.where(test, terms, scores.graph.scalar(lowestFloat32)));
  } else if (padding !== null) scores = add(scores, padding);
  return withoutHeads(product(ops.softmax(scores), value));
}

/** A mask with one element for a whole sequence. */
function isWithoutEffect({ shape }: Value): boolean {
  return shape.length === 2 && shape[1] === 1;
}

/**
 * What a mask adds to scores, [batch, 1, queries or 1, keys]: 0, or a number far below where it
 * keeps from reading.
 *
 * @param mask int32, above 0 where tokens are read: [batch, keys] or [batch, queries, keys]; or how
 *   many they are, [batch]
 * @returns undefined for other forms
 */
function paddingOf(context: OperatorContext, mask: Value, query: Value, key: Value): Value | undefined {
  const graph = mask.graph;
  let isRead: Value;
  if (mask.shape.length === 1) {
    // Twice as many numbers are ends and starts.
    if (mask.shape[0] !== query.shape[0]) return undefined;
    const counts = ops.unsqueeze(ops.cast(mask, 'int64'), 1);
    isRead = ops.greater(counts, ops.positionsOf(key, 2));
  } else if (mask.shape.length < 4) isRead = ops.greater(mask, graph.scalar(0, mask.dtype));
  else return undefined;
  const rows = isRead.shape.length === 2 ? ops.unsqueeze(isRead, 1) : isRead;
  const filter = float(context, 'mask_filter_value', -10_000);
  return ops.where(ops.unsqueeze(rows, 1), graph.scalar(0), graph.scalar(filter));
}

const attention: Operator = (context) => {
  const [x, weight, bias] = [input(context, 0), input(context, 1), optionalInput(context, 2)];
  const heads = integer(context, 'num_heads', 0);
  const total = weight.shape[1];
  const hasPast = optionalInput(context, 4) !== null;
  if (hasPast || integer(context, 'do_rotary', 0) === 1 || typeof total !== 'number' || heads === 0)
    return null;
  const widths = integers(context, 'qkv_hidden_sizes', -1) ?? [total / 3, total / 3, total / 3];
  if (widths.length !== 3 || widths.some((width) => width % heads !== 0)) {
    throw new RegmeanError(
      'invalid-input',
      `Attention: widths of queries, keys and values must be multiples of ${heads} heads, got ${widths.join(', ')}`,
    );
  }
  // [batch, tokens, hidden] x [hidden, widths of queries, keys and values]
  const projected = product(x, weight);
  const parts = columns(bias === null ? projected : add(projected, bias), widths);
  const [query, key, value] = parts.map((part) => withHeads(part, heads)) as [Value, Value, Value];
  const mixed = attended(context, [query, key, value], optionalInput(context, 3), optionalInput(context, 5));
  if (mixed === null) return null;
  if (!isAsked(context, 1)) return [mixed];
  return [mixed, ops.concat([ops.unsqueeze(key, 0), ops.unsqueeze(value, 0)], 0)];
};

const multiHeadAttention: Operator = (context) => {
  const heads = integer(context, 'num_heads', 0);
  const hasPast = [6, 7, 8, 9].some((index) => optionalInput(context, index) !== null);
  if (hasPast || isAsked(context, 3) || heads === 0) return null;
  const parts = unpacked(context);
  if (parts === null || parts.some(({ shape }) => typeof shape.at(-1) !== 'number')) return null;
  const bias = optionalInput(context, 3);
  const biases = bias === null ? [] : columns(bias, parts.map(widthOf));
  const [query, key, value] = parts.map((part, at) => {
    if (part.shape.length === 4) return part;
    const own = biases[at];
    return withHeads(own === undefined ? part : add(part, own), heads);
  }) as [Value, Value, Value];
  const mixed = attended(context, [query, key, value], optionalInput(context, 4), optionalInput(context, 5));
  return mixed === null ? null : [mixed, key, value];
};

const widthOf = ({ shape }: Value): number => Number(shape.at(-1));

/**
 * Queries, keys and values, [batch, tokens, heads * size], or as keys and values are given: by
 * head. Keys and values may be packed into one tensor, [batch, tokens, heads, 2, size], and queries
 * with them, [batch, tokens, heads, 3, size].
 */
function unpacked(context: OperatorContext): readonly Value[] | null {
  const [query, key, value] = [input(context, 0), optionalInput(context, 1), optionalInput(context, 2)];
  if (key !== null && value !== null) return [query, key, value];
  if (value !== null) return null;
  if (key?.shape.length === 5) return [query, ...pieces(key)];
  return key === null && query.shape.length === 5 ? pieces(query) : null;
}

/** [batch, tokens, heads, n, size] -> n of [batch, tokens, heads * size] */
function pieces(packed: Value): readonly Value[] {
  const [batch, tokens, heads, count, size] = packed.shape as [Size, Size, Size, Size, Size];
  const width = Number(heads) * Number(size);
  const sizes = packed.graph.integers([0, 0, width]);
  return Array.from({ length: Number(count) }, (_, at) =>
    ops.reshapeTo(ops.slice(packed, 3, at, at + 1), sizes, [batch, tokens, width]),
  );
}

const rotaryEmbedding: Operator = (context) => {
  const [x, positions, cosines, sines] = [0, 1, 2, 3].map((index) => input(context, index)) as [
    Value,
    Value,
    Value,
    Value,
  ];
  const [size, half] = [x.shape.at(-1), cosines.shape[1]];
  if (typeof size !== 'number' || typeof half !== 'number') return null;
  // The CPU kernel knows neither.
  if (float(context, 'scale', 1) !== 1 || integer(context, 'is_packed_batching', 0) === 1) return null;
  const flat = x.shape.length === 3;
  const heads = flat ? withHeads(x, integer(context, 'num_heads', 0) || size / (2 * half)) : x;
  // One number is the place of the first token.
  const places = positions.shape.length === 1 ? ops.add(ops.positionsOf(heads, 2), positions) : positions;
  const [cosine, sine] = [ops.gather(cosines, places), ops.gather(sines, places)];
  const turned = rotated(heads, cosine, sine, 2 * half, integer(context, 'interleaved', 0) === 1);
  return [flat ? withoutHeads(turned) : turned];
};

/** Attention by type. */
export const microsoftAttentionOperators: OperatorTable = {
  Attention: attention,
  MultiHeadAttention: multiHeadAttention,
  RotaryEmbedding: rotaryEmbedding,
};
