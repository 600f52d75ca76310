/**
 * @file Rules for attention and rotary positions as single operators (version 23 and newer), taken
 *   apart.
 */

import type { Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import type { Size } from '../../graph/sizes.ts';
import { product } from './matrix.ts';
import {
  aligned,
  float,
  input,
  integer,
  type Operator,
  type OperatorTable,
  optionalInput,
} from './operator.ts';

/** Below every score, above minus infinity. */
const lowest = -3e38;

/** [batch, tokens, heads * size] -> [batch, heads, tokens, size] */
export function withHeads(x: Value, heads: number): Value {
  const [batch, tokens, width] = x.shape as [Size, Size, Size];
  const size = Number(width) / heads;
  const apart = ops.reshapeTo(x, x.graph.integers([0, 0, heads, size]), [batch, tokens, heads, size]);
  return ops.transpose(apart, [0, 2, 1, 3]);
}

/** [batch, heads, tokens, size] -> [batch, tokens, heads * size] */
export function withoutHeads(x: Value): Value {
  const [batch, heads, tokens, size] = x.shape as [Size, Size, Size, Size];
  const width = Number(heads) * Number(size);
  const rows = ops.transpose(x, [0, 2, 1, 3]);
  return ops.reshapeTo(rows, x.graph.integers([0, 0, width]), [batch, tokens, width]);
}

/**
 * Whether a key stands at or before a query: bool [queries, keys] of [.., queries, size] and [..,
 * keys, size] by head.
 */
export function isNotLater(query: Value, key: Value): Value {
  const rows = ops.unsqueeze(ops.positionsOf(query, 2), 1);
  return ops.greater(ops.addScalar(rows, 1), ops.positionsOf(key, 2));
}

/** [batch, heads, tokens, size], each head as often as queries read it. */
function repeated(x: Value, times: number): Value {
  if (times === 1) return x;
  const [batch, heads, tokens, size] = x.shape as [Size, number, Size, Size];
  const graph = x.graph;
  const wide = ops.expandTo(ops.unsqueeze(x, 2), graph.integers([1, 1, times, 1, 1]), [
    batch,
    heads,
    times,
    tokens,
    size,
  ]);
  const sizes = graph.integers([0, heads * times, -1, Number(size)]);
  return ops.reshapeTo(wide, sizes, [batch, heads * times, tokens, size]);
}

const attention: Operator = (context) => {
  const { inputs, node, graph } = context;
  const hasPast = inputs.slice(4).some((value) => value !== null);
  const hasMore = node.output.slice(1).some((name) => name !== '');
  const hasWindow = ['left_window_size', 'right_window_size'].some((name) => integer(context, name, -1) >= 0);
  if (hasPast || hasMore || hasWindow) return null;
  const given = [0, 1, 2].map((index) => input(context, index));
  const flat = given[0]?.shape.length === 3;
  if (given.some(({ shape }) => typeof shape.at(-1) !== 'number' || (!flat && typeof shape[1] !== 'number')))
    return null;
  const heads = ['q_num_heads', 'kv_num_heads', 'kv_num_heads'].map((name) => integer(context, name, 0));
  if (flat && heads.includes(0)) return null;
  const [query, ...others] = flat ? given.map((x, at) => withHeads(x, heads[at] ?? 1)) : given;
  if (query === undefined) return null;
  const [key, value] = others.map((x) => repeated(x, Number(query.shape[1]) / Number(x.shape[1])));
  if (key === undefined || value === undefined) return null;
  const scale = float(context, 'scale', 1 / Math.sqrt(Number(query.shape[3])));
  let scores = product(ops.mulScalar(query, scale), ops.transposeLast(key));
  const softcap = float(context, 'softcap', 0);
  if (softcap > 0) scores = ops.mulScalar(ops.tanh(ops.mulScalar(scores, 1 / softcap)), softcap);
  const allowed: Value[] = [];
  const mask = optionalInput(context, 3);
  if (mask?.dtype === 'bool') allowed.push(mask);
  else if (mask !== null) {
    const [left, right] = aligned([scores, mask]) as [Value, Value];
    scores = ops.add(left, right);
  }
  if (integer(context, 'is_causal', 0) === 1) allowed.push(isNotLater(query, key));
  for (const own of allowed) {
    const [test, left] = aligned([own, scores]) as [Value, Value];
    scores = ops.where(test, left, graph.scalar(lowest, scores.dtype));
  }
  let weights = ops.softmax(scores);
  // A row that may read nothing is zero.
  for (const own of allowed) {
    const [test, left] = aligned([ops.cast(own, scores.dtype), weights]) as [Value, Value];
    weights = ops.mul(left, test);
  }
  const mixed = product(weights, value);
  return [flat ? withoutHeads(mixed) : mixed];
};

const rotaryEmbedding: Operator = (context) => {
  const x = input(context, 0);
  const positions = optionalInput(context, 3);
  const flat = x.shape.length === 3;
  const count = integer(context, 'num_heads', 0);
  if (typeof x.shape.at(-1) !== 'number' || (flat && count === 0)) return null;
  const heads = flat ? withHeads(x, count) : x;
  const [cosine, sine] = [1, 2].map((index) => {
    const table = input(context, index);
    return positions === null ? table : ops.gather(table, positions);
  }) as [Value, Value];
  const width = integer(context, 'rotary_embedding_dim', 0) || Number(heads.shape[3]);
  const turned = rotated(heads, cosine, sine, width, integer(context, 'interleaved', 0) === 1);
  return [flat ? withoutHeads(turned) : turned];
};

/**
 * Pairs of the first elements of every token, turned by angles (Su et al., RoFormer, 2021).
 *
 * @param heads [batch, heads, tokens, size]
 * @param cosine of the angles, [batch, tokens, width / 2] or [tokens, width / 2], like sine
 * @param width elements that are turned
 * @param interleaved whether neighbours are pairs, or elements of both halves
 */
export function rotated(
  heads: Value,
  cosine: Value,
  sine: Value,
  width: number,
  interleaved: boolean,
): Value {
  const graph = heads.graph;
  const size = Number(heads.shape[3]);
  const places = (part: number): Value =>
    graph.integers(
      Array.from({ length: width / 2 }, (_, at) => (interleaved ? 2 * at + part : at + (part * width) / 2)),
    );
  const [real, imaginary] = [0, 1].map((part) => ops.gather(heads, places(part), 3)) as [Value, Value];
  const times = (part: Value, factor: Value): Value => {
    const ofHeads = factor.shape.length === 2 ? factor : ops.unsqueeze(factor, 1);
    const [left, right] = aligned([part, ofHeads]) as [Value, Value];
    return ops.mul(left, right);
  };
  const turned = [
    ops.sub(times(real, cosine), times(imaginary, sine)),
    ops.add(times(real, sine), times(imaginary, cosine)),
  ];
  const joined = interleaved
    ? ops.reshapeTo(
        ops.concat(
          turned.map((own) => ops.unsqueeze(own, 4)),
          4,
        ),
        graph.integers([0, 0, 0, width]),
        heads.shape.with(3, width),
      )
    : ops.concat(turned, 3);
  return width === size ? joined : ops.concat([joined, ops.slice(heads, 3, width, size)], 3);
}

/** Attention by type. */
export const attentionOperators: OperatorTable = { Attention: attention, RotaryEmbedding: rotaryEmbedding };
