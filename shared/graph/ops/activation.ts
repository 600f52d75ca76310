/** @file Activation functions and softmax. */
import type { Op, Value } from '../graph.ts';
import { cotangentOf, inputOf, outputOf, required } from './checks.ts';
import { add, addScalar, exp, greater, mul, mulScalar, neg, sub, where } from './elementwise.ts';
import { reduceSum } from './reduce.ts';

function activationOp(type: string, vjp: NonNullable<Op['vjp']>): Op {
  return {
    type,
    infer: (inputs) => {
      const x = required(type, inputs, 0);
      return [{ dtype: x.dtype, shape: x.shape }];
    },
    vjp,
  };
}

const erfOp = activationOp('Erf', ({ node, cotangents }) => {
  const x = inputOf(node, 0);
  return [mul(cotangentOf(cotangents), mulScalar(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)))];
});

const geluOp = activationOp('Gelu', ({ node, cotangents }) => {
  // d/dx x P(x) = P(x) + x p(x), P and p the standard normal's distribution and density.
  const x = inputOf(node, 0);
  const distribution = addScalar(mulScalar(erf(mulScalar(x, Math.SQRT1_2)), 0.5), 0.5);
  const density = mulScalar(exp(mulScalar(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return [mul(cotangentOf(cotangents), add(distribution, mul(x, density)))];
});

const reluOp = activationOp('Relu', ({ node, cotangents }) => {
  const dy = cotangentOf(cotangents);
  const zero = dy.graph.scalar(0, dy.dtype);
  return [where(greater(inputOf(node, 0), zero), dy, zero)];
});

const tanhOp = activationOp('Tanh', ({ node, cotangents }) => {
  const y = outputOf(node);
  return [mul(cotangentOf(cotangents), addScalar(neg(mul(y, y)), 1))];
});

const sigmoidOp = activationOp('Sigmoid', ({ node, cotangents }) => {
  const y = outputOf(node);
  return [mul(cotangentOf(cotangents), mul(y, addScalar(neg(y), 1)))];
});

const softplusOp = activationOp('Softplus', ({ node, cotangents }) => [
  mul(cotangentOf(cotangents), sigmoid(inputOf(node, 0))),
]);

const softmaxOp = activationOp('Softmax', ({ node, cotangents }) => {
  const y = outputOf(node);
  const weighted = mul(cotangentOf(cotangents), y);
  return [sub(weighted, mul(y, reduceSum(weighted, [-1], true)))];
});

const logSoftmaxOp = activationOp('LogSoftmax', ({ node, cotangents }) => {
  const dy = cotangentOf(cotangents);
  return [sub(dy, mul(exp(outputOf(node)), reduceSum(dy, [-1], true)))];
});

/** The error function. */
export function erf(x: Value): Value {
  return x.graph.apply1(erfOp, [x]);
}

/** x P(X <= x) for a standard normal X, exactly (by the error function). */
export function gelu(x: Value): Value {
  return x.graph.apply1(geluOp, [x]);
}

/** max(x, 0) */
export function relu(x: Value): Value {
  return x.graph.apply1(reluOp, [x]);
}

/** The hyperbolic tangent. */
export function tanh(x: Value): Value {
  return x.graph.apply1(tanhOp, [x]);
}

/** 1 / (1 + e^-x) */
export function sigmoid(x: Value): Value {
  return x.graph.apply1(sigmoidOp, [x]);
}

/** log(1 + e^x) */
export function softplus(x: Value): Value {
  return x.graph.apply1(softplusOp, [x]);
}

/** Softmax over the last axis. */
export function softmax(x: Value): Value {
  return x.graph.apply1(softmaxOp, [x], { axis: -1n });
}

/** The logarithm of the softmax over the last axis. */
export function logSoftmax(x: Value): Value {
  return x.graph.apply1(logSoftmaxOp, [x], { axis: -1n });
}
