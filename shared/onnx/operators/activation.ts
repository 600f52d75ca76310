/** @file Rules for activation functions. */
import type { Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import { aligned, float, input, type Operator, type OperatorTable, text, unary } from './operator.ts';

const zeroOf = (x: Value): Value => x.graph.scalar(0, x.dtype);
const isAbove = (x: Value, limit: number): Value => ops.greater(x, x.graph.scalar(limit, x.dtype));

const gelu: Operator = (context) => {
  const x = input(context, 0);
  return [text(context, 'approximate', 'none') === 'none' ? ops.gelu(x) : geluByTanh(x)];
};

/** GELU's approximation: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
export function geluByTanh(x: Value): Value {
  const cubic = ops.add(x, ops.mulScalar(ops.mul(x, ops.mul(x, x)), 0.044715));
  const squashed = ops.tanh(ops.mulScalar(cubic, Math.sqrt(2 / Math.PI)));
  return ops.mul(ops.mulScalar(x, 0.5), ops.addScalar(squashed, 1));
}

const leakyRelu: Operator = (context) => {
  const x = input(context, 0);
  return [ops.where(isAbove(x, 0), x, ops.mulScalar(x, float(context, 'alpha', 0.01)))];
};

const pRelu: Operator = (context) => {
  const [x, slope] = aligned([input(context, 0), input(context, 1)]) as [Value, Value];
  return [ops.where(isAbove(x, 0), x, ops.mul(x, slope))];
};

/** x above 0, alpha (e^(x / scale) - 1) below. */
function exponentialBelow(x: Value, alpha: number, scale: number): Value {
  // Of the lower part alone, so that e^x does not overflow where it is not taken.
  const low = ops.min(x, zeroOf(x));
  const below = ops.addScalar(ops.exp(scale === 1 ? low : ops.mulScalar(low, 1 / scale)), -1);
  return ops.where(isAbove(x, 0), x, ops.mulScalar(below, alpha));
}

const elu: Operator = (context) => [exponentialBelow(input(context, 0), float(context, 'alpha', 1), 1)];

const celu: Operator = (context) => {
  const alpha = float(context, 'alpha', 1);
  return [exponentialBelow(input(context, 0), alpha, alpha)];
};

const selu: Operator = (context) => {
  const alpha = float(context, 'alpha', 1.6732632423543772);
  const gamma = float(context, 'gamma', 1.0507009873554805);
  return [ops.mulScalar(exponentialBelow(input(context, 0), alpha, 1), gamma)];
};

const thresholdedRelu: Operator = (context) => {
  const x = input(context, 0);
  return [ops.where(isAbove(x, float(context, 'alpha', 1)), x, zeroOf(x))];
};

const shrink: Operator = (context) => {
  const x = input(context, 0);
  const [limit, bias] = [float(context, 'lambd', 0.5), float(context, 'bias', 0)];
  const above = ops.where(isAbove(x, limit), ops.addScalar(x, -bias), zeroOf(x));
  return [ops.where(isAbove(ops.neg(x), limit), ops.addScalar(x, bias), above)];
};

/** x sigmoid(alpha x) */
export function swish(alpha: number): Operator {
  return (context) => {
    const x = input(context, 0);
    const factor = float(context, 'alpha', alpha);
    return [ops.mul(x, ops.sigmoid(factor === 1 ? x : ops.mulScalar(x, factor)))];
  };
}

function hardSigmoid(x: Value, alpha: number, beta: number): Value {
  const line = ops.addScalar(ops.mulScalar(x, alpha), beta);
  return ops.min(ops.max(line, zeroOf(x)), x.graph.scalar(1, x.dtype));
}

/** Activation functions by type. */
export const activationOperators: OperatorTable = {
  Tanh: unary(ops.tanh),
  Sigmoid: unary(ops.sigmoid),
  Softplus: unary(ops.softplus),
  Softsign: unary((x) => ops.div(x, ops.addScalar(ops.abs(x), 1))),
  Mish: unary((x) => ops.mul(x, ops.tanh(ops.softplus(x)))),
  Relu: unary(ops.relu),
  LeakyRelu: leakyRelu,
  PRelu: pRelu,
  Elu: elu,
  Celu: celu,
  Selu: selu,
  ThresholdedRelu: thresholdedRelu,
  Shrink: shrink,
  Swish: swish(1),
  HardSigmoid: (context) => [
    hardSigmoid(input(context, 0), float(context, 'alpha', 0.2), float(context, 'beta', 0.5)),
  ],
  HardSwish: unary((x) => ops.mul(x, hardSigmoid(x, 1 / 6, 0.5))),
  Gelu: gelu,
};
