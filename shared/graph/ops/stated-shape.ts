/**
 * @file Ops whose output shape the caller states, because run-time tensors or a file say what it
 *   is.
 */
import { type Op, positiveAxis, type Shape, sameDims, type Value } from '../graph.ts';
import { multiplied } from '../sizes.ts';
import { cotangentOf, inputOf, required } from './checks.ts';
import { reshapeLike } from './shape.ts';

const ops = new Map<string, Op>();

function statedOp(type: string, shape: Shape, vjp: NonNullable<Op['vjp']>): Op {
  const key = `${type}:${shape.join(',')}`;
  const known = ops.get(key);
  if (known !== undefined) return known;
  const op: Op = { type, infer: (inputs) => [{ dtype: required(type, inputs, 0).dtype, shape }], vjp };
  ops.set(key, op);
  return op;
}

const likeInput: NonNullable<Op['vjp']> = ({ node, cotangents }) => [
  reshapeLike(cotangentOf(cotangents), inputOf(node, 0)),
  null,
];

/**
 * The same elements under sizes that a tensor holds.
 *
 * @param sizes int64 [rank]
 * @param shape what is known of them
 */
export function reshapeTo(x: Value, sizes: Value, shape: Shape): Value {
  return x.graph.apply1(statedOp('Reshape', shape, likeInput), [x, sizes]);
}

/** All axes before `axis` as one, and all from it on as another: [rows, columns]. */
export function flatten(x: Value, axis: number): Value {
  const shape = [multiplied(x.shape.slice(0, axis)), multiplied(x.shape.slice(axis))];
  return x.graph.apply1(statedOp('Flatten', shape, likeInput), [x], { axis: BigInt(axis) });
}

/** `x` without the dimensions of size 1 at `axes`. */
export function squeeze(x: Value, axes: readonly number[]): Value {
  const dropped = axes.map((axis) => positiveAxis(axis, x.shape.length));
  const shape = x.shape.filter((_, axis) => !dropped.includes(axis));
  return x.graph.apply1(statedOp('Squeeze', shape, likeInput), [x, x.graph.integers(dropped)]);
}

/**
 * Repeats `x` along broadcast dimensions.
 *
 * @param sizes int64 [rank], may be 1 where `x` is larger
 * @param shape of the result
 */
export function expandTo(x: Value, sizes: Value, shape: Shape): Value {
  const op = statedOp('Expand', shape, ({ cotangents }) => [cotangentOf(cotangents), null]);
  return x.graph.apply1(op, [x, sizes]);
}

/** `x`, of whose sizes more is known than could be inferred. */
export function withShape(x: Value, shape: Shape): Value {
  if (sameDims(x.shape, shape)) return x;
  const op = statedOp('Identity', shape, ({ node, cotangents }) => [
    withShape(cotangentOf(cotangents), inputOf(node, 0).shape),
  ]);
  return x.graph.apply1(op, [x]);
}

/** Values of the upper or lower triangle of the last two axes, zeros elsewhere. */
export function triangle(x: Value, upper: boolean, diagonal: number): Value {
  const op: Op = {
    type: 'Trilu',
    infer: () => [{ dtype: x.dtype, shape: x.shape }],
    vjp: ({ cotangents }) => [triangle(cotangentOf(cotangents), upper, diagonal), null],
  };
  return x.graph.apply1(op, [x, x.graph.scalar(diagonal, 'int64')], { upper: upper ? 1n : 0n });
}
