/**
 * @file Ops that move elements without computing: reshape, transpose, expand, slice, concat, cast.
 */

import { RegmeanError } from '../../errors.ts';
import { formatShape } from '../../tensor.ts';
import {
  broadcastShapes,
  type DType,
  type Graph,
  type Op,
  positiveAxis,
  type Shape,
  sameDims,
  type Value,
} from '../graph.ts';
import { multiplied, type Size, type SymbolicSize, summed } from '../sizes.ts';
import { cotangentOf, inferStatedShape, inputOf, required, type StatedShape } from './checks.ts';

const castCodes: Readonly<Record<DType, bigint>> = {
  float32: 1n,
  int32: 6n,
  int64: 7n,
  bool: 9n,
  float64: 11n,
};

/** The gradient of ops that give the same elements another shape. */
const shapeOfInput: NonNullable<Op<StatedShape>['vjp']> = ({ node, cotangents }) => [
  reshapeLike(cotangentOf(cotangents), inputOf(node, 0)),
  null,
];

/** Ops that give the same elements a shape that is stated. */
export const reshapeOp: Op<StatedShape> = { type: 'Reshape', infer: inferStatedShape, vjp: shapeOfInput };
export const flattenOp: Op<StatedShape> = { ...reshapeOp, type: 'Flatten' };
export const squeezeOp: Op<StatedShape> = { ...reshapeOp, type: 'Squeeze' };

/** Repeats elements along broadcast dimensions up to a shape that is stated. */
export const expandOp: Op<StatedShape> = {
  type: 'Expand',
  infer: inferStatedShape,
  vjp: ({ cotangents }) => [cotangentOf(cotangents), null],
};

/** Zeros around elements; part of gradients only, so it has none itself. */
const padOp: Op<StatedShape> = { type: 'Pad', infer: inferStatedShape };

const shapeOf: Op = {
  type: 'Shape',
  infer: (inputs, attributes) => {
    const rank = required('Shape', inputs, 0).shape.length;
    const start = Number(attributes.start ?? 0n);
    const end = Number(attributes.end ?? BigInt(rank));
    return [{ dtype: 'int64', shape: [end - start] }];
  },
};

const concatOp: Op = {
  type: 'Concat',
  infer: (inputs, attributes) => {
    const axis = Number(attributes.axis);
    const first = required('Concat', inputs, 0);
    const sizes = inputs.map((_, index) => required('Concat', inputs, index).shape[axis] as Size);
    return [{ dtype: first.dtype, shape: first.shape.with(axis, summed(sizes)) }];
  },
  vjp: ({ node, cotangents }) => {
    const dy = cotangentOf(cotangents);
    const axis = Number(node.attributes.axis);
    let start = 0;
    return node.inputs.map((_, index) => {
      const size = inputOf(node, index).shape[axis];
      if (typeof size !== 'number') {
        throw new RegmeanError('unsupported', `Concat: gradient needs sizes known now, got ${size}`);
      }
      start += size;
      return slice(dy, axis, start - size, start);
    });
  },
};

/** Joins values along an axis. */
export function concat(values: readonly Value[], axis: number): Value {
  const first = required('Concat', values, 0);
  return first.graph.apply1(concatOp, values, { axis: BigInt(positiveAxis(axis, first.shape.length)) });
}

/**
 * The sizes of `shape` as an int64 tensor, from constants and from the shapes of the graph's
 * inputs.
 */
export function shapeTensor(graph: Graph, shape: Shape): Value {
  const unknown = shape.filter((dim) => typeof dim !== 'number').length;
  if (unknown <= 1) return graph.integers(shape.map((dim) => (typeof dim === 'number' ? dim : -1)));
  const derived = shape.find((dim) => typeof dim !== 'number' && inputWith(graph, dim) === undefined);
  return concat(
    shape.map((dim) =>
      typeof dim === 'number' || dim === derived
        ? graph.integers([dim === derived ? -1 : Number(dim)])
        : runTimeSize(graph, dim),
    ),
    0,
  );
}

/**
 * The number that a size is at run time, a dimension of one of the graph's inputs: int64
 * [1].
 */
export function runTimeSize(graph: Graph, size: SymbolicSize): Value {
  const input = inputWith(graph, size);
  if (input === undefined) {
    throw new RegmeanError('invalid-input', `size: no input has a dimension ${size}`);
  }
  const axis = input.shape.indexOf(size);
  return graph.apply1(shapeOf, [input], { start: BigInt(axis), end: BigInt(axis + 1) });
}

function inputWith(graph: Graph, size: SymbolicSize): Value | undefined {
  return graph.inputs.find((input) => input.shape.includes(size));
}

/**
 * The same elements, row-major, under another shape.
 *
 * @param shape symbolic sizes must be dimensions of graph inputs, or the one size that follows from
 *   the others
 */
export function reshape(x: Value, shape: Shape): Value {
  if (sameDims(x.shape, shape)) return x;
  const from = multiplied(x.shape);
  const to = multiplied(shape);
  if (typeof from === 'number' && typeof to === 'number' && from !== to) {
    throw new RegmeanError(
      'invalid-input',
      `reshape: ${x.name} must keep its ${from} elements, got ${formatShape(x.shape)} to ${formatShape(shape)}`,
    );
  }
  return x.graph.apply1(reshapeOp, [x, shapeTensor(x.graph, shape)], {}, { shape });
}

/** The same elements under the shape that `like` has at run time. */
export function reshapeLike(x: Value, like: Value): Value {
  if (sameDims(x.shape, like.shape)) return x;
  const unknown = like.shape.filter((dim) => typeof dim !== 'number').length;
  if (unknown <= 1) return reshape(x, like.shape);
  return x.graph.apply1(reshapeOp, [x, x.graph.apply1(shapeOf, [like])], {}, { shape: like.shape });
}

/** Repeats `x` along broadcast dimensions up to the shape that `like` has at run time. */
export function expandLike(x: Value, like: Value): Value {
  if (sameDims(x.shape, like.shape)) return x;
  broadcastShapes('expand', x.shape, like.shape);
  return x.graph.apply1(expandOp, [x, x.graph.apply1(shapeOf, [like])], {}, { shape: like.shape });
}

/** A tensor of zeros of the type and run-time shape of `like`. */
export function zerosLike(like: Value): Value {
  return expandLike(like.graph.scalar(0, like.dtype), like);
}

const unsqueezeOp: Op<{ readonly axis: number }> = {
  type: 'Unsqueeze',
  infer: (inputs, _, { axis }) => {
    const input = required('Unsqueeze', inputs, 0);
    return [{ dtype: input.dtype, shape: input.shape.toSpliced(axis, 0, 1) }];
  },
  vjp: ({ node, cotangents }) => [reshapeLike(cotangentOf(cotangents), inputOf(node, 0)), null],
};

/** `x` with a dimension of size 1 before `axis`. */
export function unsqueeze(x: Value, axis: number): Value {
  return x.graph.apply1(unsqueezeOp, [x, x.graph.integers([axis])], {}, { axis });
}

const transposeOp: Op = {
  type: 'Transpose',
  infer: (inputs, attributes) => {
    const x = required('Transpose', inputs, 0);
    const permutation = attributes.perm as readonly bigint[];
    return [{ dtype: x.dtype, shape: permutation.map((axis) => x.shape[Number(axis)] as Size) }];
  },
  vjp: ({ node, cotangents }) => {
    const permutation = (node.attributes.perm as readonly bigint[]).map(Number);
    const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
    return [transpose(cotangentOf(cotangents), inverse)];
  },
};

/** Permutes axes: result axis `i` is axis `permutation[i]` of `x`. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  if (permutation.length !== x.shape.length) {
    throw new RegmeanError(
      'invalid-input',
      `Transpose: permutation must name ${x.shape.length} axes, got [${permutation.join(', ')}]`,
    );
  }
  return x.graph.apply1(transposeOp, [x], { perm: permutation.map(BigInt) });
}

/** Swaps the last two axes, as in the transpose of a matrix. */
export function transposeLast(x: Value): Value {
  const rank = x.shape.length;
  const axes = x.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, rank - 2), rank - 1, rank - 2]);
}

const castOp: Op = {
  type: 'Cast',
  infer: (inputs, attributes) => {
    const dtype = (Object.keys(castCodes) as DType[]).find((name) => castCodes[name] === attributes.to);
    return [{ dtype: dtype as DType, shape: required('Cast', inputs, 0).shape }];
  },
  vjp: ({ node, cotangents }) => {
    const from = inputOf(node, 0).dtype;
    return [from.startsWith('float') ? cast(cotangentOf(cotangents), from) : null];
  },
};

/** Converts the element type. */
export function cast(x: Value, to: DType): Value {
  return x.dtype === to ? x : x.graph.apply1(castOp, [x], { to: castCodes[to] });
}

const sliceOp: Op<{ readonly axis: number; readonly start: number; readonly end: number }> = {
  type: 'Slice',
  infer: (inputs, _, { axis, start, end }) => {
    const { dtype, shape } = required('Slice', inputs, 0);
    return [{ dtype, shape: shape.with(axis, end - start) }];
  },
  vjp: ({ node, cotangents }) => {
    const { axis, start } = node.params;
    return [padLike(cotangentOf(cotangents), inputOf(node, 0), axis, start), null, null, null];
  },
};

/** Elements `start` (included) to `end` (excluded) of one axis. */
export function slice(x: Value, axis: number, start: number, end: number): Value {
  const at = positiveAxis(axis, x.shape.length);
  const size = x.shape[at];
  if (typeof size === 'number' && (start < 0 || end > size || start >= end)) {
    throw new RegmeanError(
      'invalid-input',
      `Slice: ${x.name} must hold ${start}..${end} on axis ${at}, got ${size}`,
    );
  }
  const inputs = [x, ...[start, end, at].map((value) => x.graph.integers([value]))];
  return x.graph.apply1(sliceOp, inputs, {}, { axis: at, start, end });
}

/**
 * `dy` set into zeros of the shape of `like`, beginning at `start` of `axis`: what a slice's
 * gradient is.
 */
function padLike(dy: Value, like: Value, axis: number, start: number): Value {
  const graph = dy.graph;
  const width = dy.shape[axis];
  const rows = like.shape[axis];
  if (typeof width !== 'number') throw new RegmeanError('unsupported', 'Slice: gradient needs a known width');
  const before = like.shape.map((_, at) => (at === axis ? start : 0));
  if (typeof rows === 'number') {
    const after = like.shape.map((_, at) => (at === axis ? rows - start - width : 0));
    const pads = graph.integers([...before, ...after]);
    return graph.apply1(padOp, [dy, pads], {}, { shape: like.shape });
  }
  // The size of the axis is known only at run time: the padding after is size - (start + width).
  const size = graph.apply1(shapeOf, [like], { start: BigInt(axis), end: BigInt(axis + 1) });
  const tail = graph.apply1(integerSubtract, [size, graph.integers([start + width])]);
  const zeros = (count: number): Value[] => (count > 0 ? [graph.integers(Array<number>(count).fill(0))] : []);
  const pads = concat(
    [graph.integers(before), ...zeros(axis), tail, ...zeros(like.shape.length - axis - 1)],
    0,
  );
  return graph.apply1(padOp, [dy, pads], {}, { shape: like.shape });
}

const integerSubtract: Op = {
  type: 'Sub',
  infer: (inputs) => [{ dtype: 'int64', shape: required('Sub', inputs, 0).shape }],
};
