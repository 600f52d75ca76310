/** @file Rules for attention and rotary positions as single operators (version 23 and newer), taken apart. */
import type { Dim, Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
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
function withHeads(x: Value, heads: number): Value {
  const [batch, tokens, width] = x.shape as [Dim, Dim, Dim];
  const size = Number(width) / heads;
  const apart = ops.reshapeTo(x, x.graph.integers([0, 0, heads, size]), [batch, tokens, heads, size]);
  return ops.transpose(apart, [0, 2, 1, 3]);
}

/** [batch, heads, tokens, size], each head as often as queries read it. */
function repeated(x: Value, times: number): Value {
  if (times === 1) return x;
  const [batch, heads, tokens, size] = x.shape as [Dim, number, Dim, Dim];
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
  if (integer(context, 'is_causal', 0) === 1) {
    const rows = ops.unsqueeze(ops.positionsOf(query, 2), 1);
    allowed.push(ops.greater(ops.add(rows, graph.scalar(1, 'int64')), ops.positionsOf(key, 2)));
  }
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
  if (!flat) return [mixed];
  const [batch, , tokens] = mixed.shape as [Dim, number, Dim, number];
  const width = Number(mixed.shape[1]) * Number(mixed.shape[3]);
  const rows = ops.transpose(mixed, [0, 2, 1, 3]);
  return [ops.reshapeTo(rows, graph.integers([0, 0, width]), [batch, tokens, width])];
};

const rotaryEmbedding: Operator = (context) => {
  const x = input(context, 0);
  const positions = optionalInput(context, 3);
  const flat = x.shape.length === 3;
  const count = integer(context, 'num_heads', 0);
  if (typeof x.shape.at(-1) !== 'number' || (flat && count === 0)) return null;
  const heads = flat ? withHeads(x, count) : x;
  const size = Number(heads.shape[3]);
  const width = integer(context, 'rotary_embedding_dim', 0) || size;
  const [cosine, sine] = [1, 2].map((index) => {
    const table = input(context, index);
    const rows = positions === null ? table : ops.gather(table, positions);
    return ops.unsqueeze(rows, 1);
  }) as [Value, Value];
  const graph = x.graph;
  const interleaved = integer(context, 'interleaved', 0) === 1;
  const places = (part: number): Value =>
    graph.integers(
      Array.from({ length: width / 2 }, (_, at) => (interleaved ? 2 * at + part : at + (part * width) / 2)),
    );
  const [real, imaginary] = [0, 1].map((part) => ops.gather(heads, places(part), 3)) as [Value, Value];
  const times = (a: Value, b: Value): Value => {
    const [left, right] = aligned([a, b]) as [Value, Value];
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
  const whole = width === size ? joined : ops.concat([joined, ops.slice(heads, 3, width, size)], 3);
  if (!flat) return [whole];
  return [ops.reshapeTo(ops.transpose(whole, [0, 2, 1, 3]), graph.integers([0, 0, -1]), x.shape)];
};

/** Attention by type. */
export const attentionOperators: OperatorTable = { Attention: attention, RotaryEmbedding: rotaryEmbedding };
