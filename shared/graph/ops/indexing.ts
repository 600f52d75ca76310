/** @file Reading and adding at indices: embeddings, picking labels, cumulative positions. */

import { RegmeanError } from '../../errors.ts';
import type { Op, Value } from '../graph.ts';
import { named, type Size } from '../sizes.ts';
import { cotangentOf, inputOf, outputOf, required, requireSameSize, type StatedShape } from './checks.ts';
import { expandLike, reshape, unsqueeze, zerosLike } from './shape.ts';

const gatherOp: Op = {
  type: 'Gather',
  infer: (inputs, attributes) => {
    const table = required('Gather', inputs, 0);
    const indices = required('Gather', inputs, 1);
    const axis = Number(attributes.axis);
    return [{ dtype: table.dtype, shape: table.shape.toSpliced(axis, 1, ...indices.shape) }];
  },
  vjp: ({ node, cotangents }) => {
    const table = inputOf(node, 0);
    const indices = inputOf(node, 1);
    const axis = Number(node.attributes.axis);
    if (indices.shape.length < 2 && table.shape.length > 1) {
      const dy =
        indices.shape.length === 0 ? unsqueeze(cotangentOf(cotangents), axis) : cotangentOf(cotangents);
      const across = reshape(
        indices,
        table.shape.map((_, at) => (at === axis ? (dy.shape[axis] as Size) : 1)),
      );
      const places = expandLike(across, dy);
      return [scatterAdd(zerosLike(table), places, dy, axis), null];
    }
    if (axis !== 0)
      throw new RegmeanError('unsupported', 'Gather: gradient needs axis 0 for indices of several axes');
    const width = table.shape.slice(1);
    const dy = reshape(cotangentOf(cotangents), [named('rows'), ...width]);
    const rows = reshape(indices, [named('rows'), ...width.map(() => 1)]);
    return [scatterAdd(zerosLike(table), expandLike(rows, dy), dy, 0), null];
  },
};

/**
 * Rows of a table: an embedding lookup; or slices of any axis.
 *
 * @param table [rows, ..]
 * @param indices any shape, int32 or int64
 * @param axis the one that is indexed
 * @returns [...indices' shape, ..], with axis 0
 */
export function gather(table: Value, indices: Value, axis = 0): Value {
  return table.graph.apply1(gatherOp, [table, indices], { axis: BigInt(axis) });
}

const scatterElementsOp: Op = {
  type: 'ScatterElements',
  infer: (inputs) => {
    const target = required('ScatterElements', inputs, 0);
    const updates = required('ScatterElements', inputs, 2);
    requireSameSize('ScatterElements', 'ranks', target.shape.length, updates.shape.length);
    return [{ dtype: target.dtype, shape: target.shape }];
  },
};

const replaceElementsOp: Op = {
  ...scatterElementsOp,
  vjp: ({ node, cotangents }) => {
    const [dy, indices, axis] = [cotangentOf(cotangents), inputOf(node, 1), Number(node.attributes.axis)];
    const zeros = zerosLike(inputOf(node, 2));
    return [scatterElements(dy, indices, zeros, axis), null, gatherElements(dy, indices, axis)];
  },
};

/** `target` with `updates` in the place of the elements at `indices` along an axis. */
export function scatterElements(target: Value, indices: Value, updates: Value, axis: number): Value {
  return target.graph.apply1(replaceElementsOp, [target, indices, updates], { axis: BigInt(axis) });
}

/** `target` with `updates` added at `indices` along an axis; equal indices add up. */
export function scatterAdd(target: Value, indices: Value, updates: Value, axis: number): Value {
  return target.graph.apply1(scatterElementsOp, [target, indices, updates], {
    axis: BigInt(axis),
    reduction: 'add',
  });
}

const gatherElementsOp: Op = {
  type: 'GatherElements',
  infer: (inputs) => {
    const x = required('GatherElements', inputs, 0);
    const indices = required('GatherElements', inputs, 1);
    return [{ dtype: x.dtype, shape: indices.shape }];
  },
  vjp: ({ node, cotangents }) => {
    const axis = Number(node.attributes.axis);
    const dy = cotangentOf(cotangents);
    return [scatterAdd(zerosLike(inputOf(node, 0)), inputOf(node, 1), dy, axis), null];
  },
};

/** Elements at indices of one axis: of each row of that axis, as many as there are indices. */
export function gatherElements(x: Value, indices: Value, axis: number): Value {
  return x.graph.apply1(gatherElementsOp, [x, indices], { axis: BigInt(axis) });
}

/**
 * One element of each row of the last axis.
 *
 * @param x [rows, classes]
 * @param indices [rows, 1], int32
 * @returns [rows, 1]
 */
export function gatherLast(x: Value, indices: Value): Value {
  return gatherElements(x, indices, x.shape.length - 1);
}

const scatterNdOp: Op = {
  type: 'ScatterND',
  infer: (inputs) => {
    const { dtype, shape } = required('ScatterND', inputs, 0);
    return [{ dtype, shape }];
  },
};

const replaceNdOp: Op = {
  ...scatterNdOp,
  vjp: ({ node, cotangents }) => {
    const [dy, indices] = [cotangentOf(cotangents), inputOf(node, 1)];
    return [scatterNd(dy, indices, zerosLike(inputOf(node, 2))), null, gatherNd(dy, indices)];
  },
};

/** `target` with `updates` in the place of elements, or slices, at places of several axes. */
export function scatterNd(target: Value, indices: Value, updates: Value): Value {
  return target.graph.apply1(replaceNdOp, [target, indices, updates]);
}

const gatherNdOp: Op = {
  type: 'GatherND',
  infer: (inputs) => {
    const x = required('GatherND', inputs, 0);
    const indices = required('GatherND', inputs, 1);
    const rest = x.shape.slice(Number(indices.shape.at(-1)));
    return [{ dtype: x.dtype, shape: [...indices.shape.slice(0, -1), ...rest] }];
  },
  vjp: ({ node, cotangents }) => {
    const x = inputOf(node, 0);
    const inputs = [zerosLike(x), inputOf(node, 1), cotangentOf(cotangents)];
    return [x.graph.apply1(scatterNdOp, inputs, { reduction: 'add' }), null];
  },
};

/**
 * Elements, or slices, at places of several axes.
 *
 * @param indices int64 [.., n]: places in the first n axes
 * @returns [.., the other axes of x]
 */
export function gatherNd(x: Value, indices: Value): Value {
  return x.graph.apply1(gatherNdOp, [x, indices]);
}

const topKOp: Op<StatedShape> = {
  type: 'TopK',
  infer: (inputs, _, { shape }) => [
    { dtype: required('TopK', inputs, 0).dtype, shape },
    { dtype: 'int64', shape },
  ],
  vjp: ({ node, cotangents }) => {
    const zeros = zerosLike(inputOf(node, 0));
    const axis = Number(node.attributes.axis);
    return [scatterAdd(zeros, outputOf(node, 1), cotangentOf(cotangents), axis), null];
  },
};

/** What `topK` takes: the largest, or the smallest; in order, or in any. */
export interface TopKOptions {
  readonly largest: boolean;
  readonly sorted: boolean;
}

/**
 * The k largest or smallest elements of an axis, and their places.
 *
 * @param count int64 [1]: k
 * @param size k, or a name for it
 * @returns values, and indices as int64
 */
export function topK(
  x: Value,
  count: Value,
  axis: number,
  size: Size,
  { largest, sorted }: TopKOptions,
): readonly Value[] {
  const flag = (value: boolean): bigint => (value ? 1n : 0n);
  const attributes = { axis: BigInt(axis), largest: flag(largest), sorted: flag(sorted) };
  return x.graph.apply(topKOp, [x, count], attributes, { shape: x.shape.with(axis, size) });
}

const cumSumOp: Op = {
  type: 'CumSum',
  infer: (inputs) => {
    const x = required('CumSum', inputs, 0);
    return [{ dtype: x.dtype, shape: x.shape }];
  },
};

/** The running sum along an axis, the element itself included; has no gradient. */
export function cumSum(x: Value, axis: number): Value {
  return x.graph.apply1(cumSumOp, [x, x.graph.constant(BigInt64Array.of(BigInt(axis)), [])]);
}

const rangeOp: Op<{ readonly count: Size }> = {
  type: 'Range',
  infer: (inputs, _, { count }) => [{ dtype: required('Range', inputs, 0).dtype, shape: [count] }],
};

/**
 * The integers from `start` to `end`, which is excluded.
 *
 * @param start int64 scalar, like `end`
 * @param count how many they are, or the name of that size
 * @returns int64 [count]
 */
export function range(start: Value, end: Value, count: Size): Value {
  return start.graph.apply1(rangeOp, [start, end, start.graph.scalar(1, 'int64')], {}, { count });
}

const sizeOfAxisOp: Op = { type: 'Shape', infer: () => [{ dtype: 'int64', shape: [1] }] };
const squeezeOp: Op = { type: 'Squeeze', infer: () => [{ dtype: 'int64', shape: [] }] };

/** The size of an axis of `like`: an int64 scalar. */
export function sizeOfAxis(like: Value, axis: number): Value {
  const graph = like.graph;
  const size = graph.apply1(sizeOfAxisOp, [like], { start: BigInt(axis), end: BigInt(axis + 1) });
  return graph.apply1(squeezeOp, [size]);
}

/** The integers 0, 1, .. up to the size of an axis of `like`: int64 [that size]. */
export function positionsOf(like: Value, axis: number): Value {
  const graph = like.graph;
  return range(graph.scalar(0, 'int64'), sizeOfAxis(like, axis), like.shape[axis] as Size);
}
