/** @file Sums, means and extremes over axes. */

import { RegmeanError } from '../../errors.ts';
import { type DType, type Op, positiveAxis, type Shape, type Value } from '../graph.ts';
import { multiplied, type Size } from '../sizes.ts';
import { cotangentOf, inputOf, outputOf, required } from './checks.ts';
import { div, equal, mul, mulScalar } from './elementwise.ts';
import { cast, expandLike } from './shape.ts';

/** Axes that are reduced, counted from the front. */
interface ReducedAxes {
  readonly axes: readonly number[];
}

const reduceSumOp: Op<ReducedAxes & { readonly keepDims: boolean }> = {
  type: 'ReduceSum',
  infer: (inputs, _, { axes, keepDims }) => {
    const x = required('ReduceSum', inputs, 0);
    const kept = keptShape(x, axes);
    return [{ dtype: x.dtype, shape: keepDims ? kept : kept.filter((_, axis) => !axes.includes(axis)) }];
  },
  vjp: ({ node, cotangents }) => {
    const { axes, keepDims } = node.params;
    if (!keepDims && axes.length !== inputOf(node, 0).shape.length) {
      throw new RegmeanError('unsupported', 'ReduceSum: gradient needs kept dimensions or a full sum');
    }
    return [expandLike(cotangentOf(cotangents), inputOf(node, 0)), null];
  },
};

/** The shape with the axes reduced to size 1. */
function keptShape({ shape }: Value, axes: readonly number[]): Shape {
  return shape.map((dim, axis): Size => (axes.includes(axis) ? 1 : dim));
}

/** The sum over axes, which stay as dimensions of size 1 when `keepDims`. */
export function reduceSum(x: Value, axes: readonly number[], keepDims: boolean): Value {
  const rank = x.shape.length;
  const positive = axes.map((axis) => positiveAxis(axis, rank));
  const inputs = [x, x.graph.integers(positive)];
  return x.graph.apply1(reduceSumOp, inputs, { keepdims: keepDims ? 1n : 0n }, { axes: positive, keepDims });
}

/** The sum of all elements: a scalar. */
export function sumAll(x: Value): Value {
  const axes = x.shape.map((_, axis) => axis);
  return axes.length === 0 ? x : reduceSum(x, axes, false);
}

function extremeOp(type: 'ReduceMax' | 'ReduceMin'): Op<ReducedAxes> {
  return {
    type,
    infer: (inputs, _, { axes }) => {
      const x = required(type, inputs, 0);
      return [{ dtype: x.dtype, shape: keptShape(x, axes) }];
    },
    vjp: ({ node, cotangents }) => {
      const x = inputOf(node, 0);
      const taken = cast(equal(x, outputOf(node)), x.dtype);
      return [mul(taken, div(cotangentOf(cotangents), reduceSum(taken, node.params.axes, true))), null];
    },
  };
}

const reduceMaxOp = extremeOp('ReduceMax');
const reduceMinOp = extremeOp('ReduceMin');

function extreme(op: Op<ReducedAxes>, x: Value, axes: readonly number[]): Value {
  const positive = axes.map((axis) => positiveAxis(axis, x.shape.length));
  return x.graph.apply1(op, [x, x.graph.integers(positive)], {}, { axes: positive });
}

/**
 * The largest element over axes, which stay as dimensions of size 1; equal ones share the gradient.
 */
export function reduceMax(x: Value, axes: readonly number[]): Value {
  return extreme(reduceMaxOp, x, axes);
}

/**
 * The smallest element over axes, which stay as dimensions of size 1; equal ones share the
 * gradient.
 */
export function reduceMin(x: Value, axes: readonly number[]): Value {
  return extreme(reduceMinOp, x, axes);
}

/**
 * The mean over axes, which stay as dimensions of size 1; their sizes may be known only at run
 * time.
 */
export function reduceMean(x: Value, axes: readonly number[]): Value {
  const positive = axes.map((axis) => positiveAxis(axis, x.shape.length));
  const count = multiplied(positive.map((axis) => x.shape[axis] as Size));
  const sum = reduceSum(x, positive, true);
  if (typeof count === 'number') return mulScalar(sum, 1 / count);
  return div(sum, countOf(x, sum));
}

/** How many elements of `x` come to one of `part`, at run time: a scalar of their type. */
function countOf(x: Value, part: Value): Value {
  return div(sizeAs(x.dtype, x), sizeAs(x.dtype, part));
}

/** The mean over the last axis, kept as a dimension of size 1. */
export function meanLast(x: Value): Value {
  const width = x.shape.at(-1);
  if (typeof width !== 'number') {
    throw new RegmeanError('invalid-input', `mean: the last size of ${x.name} must be known, got ${width}`);
  }
  return mulScalar(reduceSum(x, [-1], true), 1 / width);
}

const sizeOp: Op = { type: 'Size', infer: () => [{ dtype: 'int64', shape: [] }] };

/** How many elements a value has, at run time: a scalar of a floating point type. */
function sizeAs(dtype: DType, value: Value): Value {
  if (!dtype.startsWith('float')) {
    throw new RegmeanError('invalid-input', `mean: ${value.name} must be floating point, got ${dtype}`);
  }
  return cast(value.graph.apply1(sizeOp, [value]), dtype);
}

/** The mean of all elements: a scalar. */
export function meanAll(x: Value): Value {
  const size = multiplied(x.shape);
  if (typeof size === 'number') return mulScalar(sumAll(x), 1 / size);
  return div(sumAll(x), sizeAs(x.dtype, x));
}
