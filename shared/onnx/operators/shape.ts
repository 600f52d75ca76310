/**
 * @file Rules for operators that change the shape of a tensor, and for those that exported graphs
 *   compute shapes with.
 */
import { type DType, positiveAxis, type Shape, sameDims, type Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import { divided, inOrderOf, multiplied, type Size, sameSize } from '../../graph/sizes.ts';
import { dtypeOfCode } from '../tensors.ts';
import {
  alignedShapes,
  hasIntegers,
  input,
  integer,
  integers,
  isFloat,
  newSize,
  noted,
  type Operator,
  type OperatorContext,
  type OperatorTable,
  statedOp,
  unknownSizes,
} from './operator.ts';

const shapeOperator: Operator = (context) => {
  const x = input(context, 0);
  const rank = x.shape.length;
  const bound = (name: string, otherwise: number): number => {
    const given = integer(context, name, otherwise);
    return Math.min(rank, Math.max(0, given < 0 ? given + rank : given));
  };
  const [start, end] = [bound('start', 0), bound('end', rank)];
  const op = statedOp('Shape', 'int64', [end - start]);
  const value = context.graph.apply1(op, [x], { start: BigInt(start), end: BigInt(end) });
  return noted(context, value, x.shape.slice(start, end));
};

const size: Operator = (context) => {
  const x = input(context, 0);
  return noted(context, context.graph.apply1(statedOp('Size', 'int64', []), [x]), [multiplied(x.shape)]);
};

const reshape: Operator = (context) => {
  const [x, sizes] = [input(context, 0), input(context, 1)];
  const known = context.contents.get(x);
  const wanted = context.contents.get(sizes);
  if (wanted === undefined) {
    const rank = sizes.shape[0];
    if (typeof rank !== 'number') return null;
    return [
      ops.reshapeTo(
        x,
        sizes,
        Array.from({ length: rank }, (_, axis) => newSize(context, axis)),
      ),
    ];
  }
  // A size of zero, where it does not say that a size is kept.
  if (wanted.includes(0) && integer(context, 'allowzero', 0) === 1) return null;
  const shape = reshapedTo(context, x, wanted);
  if (sameDims(x.shape, shape)) return [x];
  return noted(
    context,
    unknownSizes(shape) <= 1 ? ops.reshape(x, shape) : ops.reshapeTo(x, sizes, shape),
    known,
  );
};

/** The shape that a reshape to `wanted` gives: 0 keeps a size, -1 takes what is left. */
function reshapedTo(context: OperatorContext, x: Value, wanted: readonly Size[]): Shape {
  const sizes = wanted.map((own, axis) => (own === 0 ? (x.shape[axis] as Size) : own));
  const open = sizes.indexOf(-1);
  const total = multiplied(x.shape);
  if (open >= 0) {
    const others = multiplied(sizes.filter((_, axis) => axis !== open));
    sizes[open] = divided(total, others) ?? newSize(context, open);
  }
  return sameSize(multiplied(sizes), total) ? inOrderOf(x.shape, sizes) : sizes;
}

const flatten: Operator = (context) => {
  const x = input(context, 0);
  const axis = positiveAxis(integer(context, 'axis', 1), x.shape.length);
  return [ops.flatten(x, axis)];
};

const unsqueeze: Operator = (context) => {
  const x = input(context, 0);
  const axes = integers(context, 'axes', 1);
  if (axes === null) return null;
  const rank = x.shape.length + axes.length;
  const ordered = axes.map((axis) => positiveAxis(axis, rank)).sort((a, b) => a - b);
  return noted(
    context,
    ordered.reduce((value, axis) => ops.unsqueeze(value, axis), x),
    context.contents.get(x),
  );
};

const squeeze: Operator = (context) => {
  const x = input(context, 0);
  const axes = hasIntegers(context, 'axes', 1)
    ? integers(context, 'axes', 1)
    : x.shape.flatMap((own, axis) => (own === 1 ? [axis] : []));
  return axes === null ? null : noted(context, ops.squeeze(x, axes), context.contents.get(x));
};

const transpose: Operator = (context) => {
  const x = input(context, 0);
  const backwards = x.shape.map((_, axis) => x.shape.length - 1 - axis);
  return [ops.transpose(x, integers(context, 'perm', 1) ?? backwards)];
};

const expand: Operator = (context) => {
  const [x, sizes] = [input(context, 0), input(context, 1)];
  const count = sizes.shape[0];
  if (typeof count !== 'number') return null;
  const unknown = Array.from({ length: count }, (_, axis) => newSize(context, axis));
  const wanted = context.contents.get(sizes) ?? unknown;
  const [from, to] = alignedShapes([x.shape, wanted]) as [Shape, Shape];
  const rank = Math.max(from.length, to.length);
  const shape = Array.from({ length: rank }, (_, axis): Size => {
    const own = from[axis - rank + from.length] ?? 1;
    return own === 1 ? (to[axis - rank + to.length] ?? 1) : own;
  });
  return [sameDims(x.shape, shape) ? x : ops.expandTo(ops.withShape(x, from), sizes, shape)];
};

/**
 * Copies along axes: an axis of size 1 is expanded, another one gets an axis for its copies, which
 * is joined with it.
 */
const tile: Operator = (context) => {
  const [x, repeats] = [input(context, 0), input(context, 1)];
  const wanted = context.contents.get(repeats);
  if (wanted === undefined) return null;
  if (wanted.every((count, axis) => count === 1 || x.shape[axis] === 1)) {
    const shape = x.shape.map((own, axis) => (own === 1 ? (wanted[axis] as Size) : own));
    return [sameDims(x.shape, shape) ? x : ops.expandTo(x, repeats, shape)];
  }
  if (wanted.some((count) => typeof count !== 'number')) return null;
  const graph = x.graph;
  const counts = wanted.map(Number);
  const total = x.shape.map((own, axis) => multiplied([counts[axis] ?? 1, own]));
  const apart = x.shape.reduce<Value>((value, _, axis) => ops.unsqueeze(value, 2 * axis), x);
  const copies = apart.shape.map((own, axis) => (axis % 2 === 0 ? (counts[axis / 2] ?? 1) : own));
  const wide = ops.expandTo(apart, graph.integers(counts.flatMap((count) => [count, 1])), copies);
  const sizes = ops.concat(
    counts.map((count, axis) =>
      ops.unsqueeze(ops.mul(ops.sizeOfAxis(x, axis), graph.scalar(count, 'int64')), 0),
    ),
    0,
  );
  return [ops.reshapeTo(wide, sizes, total)];
};

const cast: Operator = (context) => {
  const dtype = dtypeOfCode(integer(context, 'to', 0));
  return dtype === undefined ? null : converted(context, dtype);
};

const castLike: Operator = (context) => converted(context, input(context, 1).dtype);

function converted(context: OperatorContext, dtype: DType): readonly Value[] {
  const x = input(context, 0);
  const value = ops.cast(x, dtype);
  if (value === x) return [x];
  const known = isFloat(value) ? undefined : context.contents.get(x);
  // A size that has only a name is at least 1.
  return noted(context, value, dtype === 'bool' ? known?.map((own) => (own === 0 ? 0 : 1)) : known);
}

const identity: Operator = (context) => [input(context, 0)];

/** Operators on shapes by type. */
export const shapeOperators: OperatorTable = {
  Identity: identity,
  Shape: shapeOperator,
  Size: size,
  Reshape: reshape,
  Flatten: flatten,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Transpose: transpose,
  Expand: expand,
  Tile: tile,
  Cast: cast,
  CastLike: castLike,
};
