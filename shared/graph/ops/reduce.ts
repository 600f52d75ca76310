/** @file Sums, means and extremes over axes. */
import { RegmeanError } from '../../errors.ts';
import { type Dim, type Op, positiveAxis, productOf, type Value } from '../graph.ts';
import { cotangentOf, inputOf, outputOf, required } from './checks.ts';
import { div, equal, mul, mulScalar } from './elementwise.ts';
import { cast, expandLike } from './shape.ts';

const reduceSumOps = new Map<string, Op>();

function reduceSumOp(axes: readonly number[], keepDims: boolean): Op {
  const key = `${axes.join(',')}:${keepDims}`;
  const known = reduceSumOps.get(key);
  if (known !== undefined) return known;
  const op: Op = {
    type: 'ReduceSum',
    infer: (inputs) => {
      const x = required('ReduceSum', inputs, 0);
      const kept = x.shape.map((dim, axis): Dim => (axes.includes(axis) ? 1 : dim));
      return [{ dtype: x.dtype, shape: keepDims ? kept : kept.filter((_, axis) => !axes.includes(axis)) }];
    },
    vjp: ({ node, cotangents }) => {
      if (!keepDims && axes.length !== inputOf(node, 0).shape.length) {
        throw new RegmeanError('unsupported', 'ReduceSum: gradient needs kept dimensions or a full sum');
      }
      return [expandLike(cotangentOf(cotangents), inputOf(node, 0)), null];
    },
  };
  reduceSumOps.set(key, op);
  return op;
}

/** The sum over axes, which stay as dimensions of size 1 when `keepDims`. */
export function reduceSum(x: Value, axes: readonly number[], keepDims: boolean): Value {
  const rank = x.shape.length;
  const positive = axes.map((axis) => positiveAxis(axis, rank));
  return x.graph.apply1(reduceSumOp(positive, keepDims), [x, x.graph.integers(positive)], {
    keepdims: keepDims ? 1n : 0n,
  });
}

/** The sum of all elements: a scalar. */
export function sumAll(x: Value): Value {
  const axes = x.shape.map((_, axis) => axis);
  return axes.length === 0 ? x : reduceSum(x, axes, false);
}

const extremeOps = new Map<string, Op>();

function extremeOp(type: 'ReduceMax' | 'ReduceMin', axes: readonly number[]): Op {
  const key = `${type}:${axes.join(',')}`;
  const known = extremeOps.get(key);
  if (known !== undefined) return known;
  const op: Op = {
    type,
    infer: (inputs) => {
      const x = required(type, inputs, 0);
      return [{ dtype: x.dtype, shape: x.shape.map((dim, axis): Dim => (axes.includes(axis) ? 1 : dim)) }];
    },
    vjp: ({ node, cotangents }) => {
      const x = inputOf(node, 0);
      const taken = cast(equal(x, outputOf(node)), x.dtype);
      return [mul(taken, div(cotangentOf(cotangents), reduceSum(taken, axes, true))), null];
    },
  };
  extremeOps.set(key, op);
  return op;
}

/**
 * The largest element over axes, which stay as dimensions of size 1; equal ones share the gradient.
 */
export function reduceMax(x: Value, axes: readonly number[]): Value {
  const positive = axes.map((axis) => positiveAxis(axis, x.shape.length));
  return x.graph.apply1(extremeOp('ReduceMax', positive), [x, x.graph.integers(positive)]);
}

/**
 * The smallest element over axes, which stay as dimensions of size 1; equal ones share the
 * gradient.
 */
export function reduceMin(x: Value, axes: readonly number[]): Value {
  const positive = axes.map((axis) => positiveAxis(axis, x.shape.length));
  return x.graph.apply1(extremeOp('ReduceMin', positive), [x, x.graph.integers(positive)]);
}

/**
 * The mean over axes, which stay as dimensions of size 1; their sizes may be known only at run
 * time.
 */
export function reduceMean(x: Value, axes: readonly number[]): Value {
  const positive = axes.map((axis) => positiveAxis(axis, x.shape.length));
  const count = productOf(positive.map((axis) => x.shape[axis] as Dim));
  const sum = reduceSum(x, positive, true);
  if (typeof count === 'number') return mulScalar(sum, 1 / count);
  return div(sum, countOf(x, sum));
}

/** How many elements of `x` come to one of `part`, at run time: a scalar of their type. */
function countOf(x: Value, part: Value): Value {
  const toFloat = sizeCast.get(x.dtype);
  if (toFloat === undefined)
    throw new RegmeanError('invalid-input', `mean: ${x.name} must be floating point`);
  const size = (value: Value): Value =>
    x.graph.apply1(toFloat, [x.graph.apply1(sizeOp, [value])], { to: x.dtype === 'float32' ? 1n : 11n });
  return div(size(x), size(part));
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
const sizeCast = new Map<string, Op>(
  (['float32', 'float64'] as const).map((dtype) => [
    dtype,
    { type: 'Cast', infer: () => [{ dtype, shape: [] }] },
  ]),
);

/** The mean of all elements: a scalar. */
export function meanAll(x: Value): Value {
  const size = productOf(x.shape);
  if (typeof size === 'number') return mulScalar(sumAll(x), 1 / size);
  const castOp = sizeCast.get(x.dtype);
  if (castOp === undefined) throw new RegmeanError('invalid-input', `mean: ${x.name} must be floating point`);
  const count = x.graph.apply1(castOp, [x.graph.apply1(sizeOp, [x])], {
    to: x.dtype === 'float32' ? 1n : 11n,
  });
  return div(sumAll(x), count);
}
