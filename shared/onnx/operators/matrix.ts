/** @file Rules for products, normalisation and softmax. */
import { type Dim, positiveAxis, type Shape, type Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
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

const matMul: Operator = (context) => {
  const [a, b] = [input(context, 0), input(context, 1)];
  if (a.shape.length < 2 || b.shape.length < 2) return null;
  // The last two axes are the products' own; the others broadcast.
  const inner = (typeof b.shape.at(-2) === 'number' ? b.shape.at(-2) : a.shape.at(-1)) as Dim;
  const [left, right] = alignedShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)]) as [Shape, Shape];
  return [
    ops.matMul(
      ops.withShape(a, [...left, a.shape.at(-2) as Dim, inner]),
      ops.withShape(b, [...right, inner, b.shape.at(-1) as Dim]),
    ),
  ];
};

const gemm: Operator = (context) => {
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

const layerNormalization: Operator = (context) => {
  const [x, scale, bias] = [input(context, 0), input(context, 1), optionalInput(context, 2)];
  const axis = integer(context, 'axis', -1);
  if (axis !== -1 && axis !== x.shape.length - 1) return null;
  return [ops.layerNormalization(x, scale, bias, float(context, 'epsilon', 1e-5))];
};

/** Not of ONNX itself: what ONNX Runtime calls RMS normalisation in graphs that it has optimized. */
const simplifiedLayerNormalization: Operator = (context) => {
  const x = input(context, 0);
  const axis = integer(context, 'axis', -1);
  if (axis !== -1 && axis !== x.shape.length - 1) return null;
  return [ops.rmsNormalization(x, input(context, 1), float(context, 'epsilon', 1e-5))];
};

/** Operators on matrices by type. */
export const matrixOperators: OperatorTable = {
  MatMul: matMul,
  Gemm: gemm,
  Softmax: alongAxis(ops.softmax),
  LogSoftmax: alongAxis(ops.logSoftmax),
  Hardmax: alongAxis(hardmax),
  LayerNormalization: layerNormalization,
  SimplifiedLayerNormalization: simplifiedLayerNormalization,
};
