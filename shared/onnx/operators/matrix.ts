/** @file Rules for products and softmax. */

import { positiveAxis, type Shape, type Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import type { Size } from '../../graph/sizes.ts';
import {
  alignedShapes,
  float,
  input,
  integer,
  type Operator,
  type OperatorTable,
  optionalInput,
  statedOp,
} from './operator.ts';

/** The product over the last two axes; the others broadcast. */
export function product(a: Value, b: Value): Value {
  const inner = (typeof b.shape.at(-2) === 'number' ? b.shape.at(-2) : a.shape.at(-1)) as Size;
  const [left, right] = alignedShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)]) as [Shape, Shape];
  return ops.matMul(
    ops.withShape(a, [...left, a.shape.at(-2) as Size, inner]),
    ops.withShape(b, [...right, inner, b.shape.at(-1) as Size]),
  );
}

/** A vector on the left is a row, on the right a column; its axis is not in the result. */
const matMul: Operator = (context) => {
  const [a, b] = [input(context, 0), input(context, 1)];
  if (a.shape.length === 0 || b.shape.length === 0) return null;
  const [isRow, isColumn] = [a.shape.length === 1, b.shape.length === 1];
  const made = product(isRow ? ops.unsqueeze(a, 0) : a, isColumn ? ops.unsqueeze(b, 1) : b);
  const rank = made.shape.length;
  const dropped = [...(isRow ? [rank - 2] : []), ...(isColumn ? [rank - 1] : [])];
  return [dropped.length === 0 ? made : ops.squeeze(made, dropped)];
};

/** The product of two matrices, transposed where attributes say so, and a bias. */
export const gemm: Operator = (context) => {
  const [a, b, bias] = [input(context, 0), input(context, 1), optionalInput(context, 2)];
  const options = {
    transA: integer(context, 'transA', 0) === 1,
    transB: integer(context, 'transB', 0) === 1,
  };
  const alpha = float(context, 'alpha', 1);
  const beta = float(context, 'beta', 1);
  const isRow = bias !== null && (bias.shape.length === 1 || bias.shape[0] === 1);
  if (alpha === 1 && beta === 1 && isRow) return [ops.gemm(a, b, { ...options, bias })];
  const product = ops.gemm(a, b, options);
  const scaled = alpha === 1 ? product : ops.mulScalar(product, alpha);
  if (bias === null) return [scaled];
  return [ops.add(scaled, beta === 1 ? bias : ops.mulScalar(bias, beta))];
};

/** Along the last axis; another one is moved there and back. */
function alongAxis(apply: (x: Value) => Value): Operator {
  return (context) => {
    const x = input(context, 0);
    const rank = x.shape.length;
    const axis = positiveAxis(integer(context, 'axis', context.opset < 13 ? 1 : -1), rank);
    if (axis === rank - 1) return [apply(x)];
    // Before version 13 all axes from this one on were taken together.
    if (context.opset < 13) return [ops.reshapeLike(apply(ops.flatten(x, axis)), x)];
    const swap = x.shape.map((_, at) => (at === axis ? rank - 1 : at === rank - 1 ? axis : at));
    return [ops.transpose(apply(ops.transpose(x, swap)), swap)];
  };
}

function hardmax(x: Value): Value {
  return x.graph.apply1(statedOp('Hardmax', x.dtype, x.shape), [x], { axis: -1n });
}

/** Operators on matrices by type. */
export const matrixOperators: OperatorTable = {
  MatMul: matMul,
  Gemm: gemm,
  Softmax: alongAxis(ops.softmax),
  LogSoftmax: alongAxis(ops.logSoftmax),
  Hardmax: alongAxis(hardmax),
};
