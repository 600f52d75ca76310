/**
 * @file Element-wise arithmetic with NumPy broadcasting. Gradients may broadcast; the driver sums
 *   them back.
 */
import { broadcastShapes, type Node, type Op, type Value } from '../graph.ts';
import { cotangentOf, inputOf, outputOf, required, requireSameDtype } from './checks.ts';

function binaryOp(type: string, vjp?: Op['vjp'], result?: 'bool'): Op {
  return {
    type,
    infer: (inputs) => {
      const a = required(type, inputs, 0);
      const b = required(type, inputs, 1);
      requireSameDtype(type, a, b);
      const where = `${type} of ${a.name} and ${b.name}`;
      return [{ dtype: result ?? a.dtype, shape: broadcastShapes(where, a.shape, b.shape) }];
    },
    ...(vjp === undefined ? {} : { vjp }),
  };
}

function unaryOp(type: string, vjp?: Op['vjp']): Op {
  return {
    type,
    infer: (inputs) => {
      const x = required(type, inputs, 0);
      return [{ dtype: x.dtype, shape: x.shape }];
    },
    ...(vjp === undefined ? {} : { vjp }),
  };
}

const addOp = binaryOp('Add', ({ cotangents }) => [cotangentOf(cotangents), cotangentOf(cotangents)]);
const subOp = binaryOp('Sub', ({ cotangents }) => [cotangentOf(cotangents), neg(cotangentOf(cotangents))]);
const mulOp = binaryOp('Mul', ({ node, cotangents }) => {
  const dy = cotangentOf(cotangents);
  return [mul(dy, inputOf(node, 1)), mul(dy, inputOf(node, 0))];
});
const divOp = binaryOp('Div', ({ node, cotangents }) => {
  const scaled = div(cotangentOf(cotangents), inputOf(node, 1));
  return [scaled, neg(mul(scaled, outputOf(node)))];
});
const negOp = unaryOp('Neg', ({ cotangents }) => [neg(cotangentOf(cotangents))]);
const expOp = unaryOp('Exp', ({ node, cotangents }) => [mul(cotangentOf(cotangents), outputOf(node))]);
const logOp = unaryOp('Log', ({ node, cotangents }) => [div(cotangentOf(cotangents), inputOf(node, 0))]);
const sqrtOp = unaryOp('Sqrt', ({ node, cotangents }) => [
  div(mulScalar(cotangentOf(cotangents), 0.5), outputOf(node)),
]);
const cosOp = unaryOp('Cos', ({ node, cotangents }) => [
  neg(mul(cotangentOf(cotangents), sin(inputOf(node, 0)))),
]);
const sinOp = unaryOp('Sin', ({ node, cotangents }) => [mul(cotangentOf(cotangents), cos(inputOf(node, 0)))]);
const absOp = unaryOp('Abs', ({ node, cotangents }) => {
  const dy = cotangentOf(cotangents);
  const x = inputOf(node, 0);
  return [where(greater(x, x.graph.scalar(0, x.dtype)), dy, neg(dy))];
});
const powOp = binaryOp('Pow', ({ node, cotangents }) => {
  // Of the base alone: exponents are constants.
  const exponent = inputOf(node, 1);
  const slope = mul(exponent, pow(inputOf(node, 0), addScalar(exponent, -1)));
  return [mul(cotangentOf(cotangents), slope), null];
});
const maxOp = binaryOp('Max', ({ node, cotangents }) => chosen(greater, node, cotangentOf(cotangents)));
const minOp = binaryOp('Min', ({ node, cotangents }) =>
  chosen((a, b) => greater(b, a), node, cotangentOf(cotangents)),
);

/** The cotangent goes to the operand that was taken, the second where both are equal. */
function chosen(first: (a: Value, b: Value) => Value, node: Node, dy: Value): Value[] {
  const taken = first(inputOf(node, 0), inputOf(node, 1));
  const zero = dy.graph.scalar(0, dy.dtype);
  return [where(taken, dy, zero), where(taken, zero, dy)];
}

const equalOp = binaryOp('Equal', undefined, 'bool');
const greaterOp = binaryOp('Greater', undefined, 'bool');
const whereOp: Op = {
  type: 'Where',
  infer: (inputs) => {
    const a = required('Where', inputs, 1);
    const b = required('Where', inputs, 2);
    requireSameDtype('Where', a, b);
    const values = broadcastShapes('Where', a.shape, b.shape);
    return [{ dtype: a.dtype, shape: broadcastShapes('Where', required('Where', inputs, 0).shape, values) }];
  },
  vjp: ({ node, cotangents }) => {
    const dy = cotangentOf(cotangents);
    const zero = dy.graph.scalar(0, dy.dtype);
    const condition = inputOf(node, 0);
    return [null, where(condition, dy, zero), where(condition, zero, dy)];
  },
};

/** a + b */
export function add(a: Value, b: Value): Value {
  return a.graph.apply1(addOp, [a, b]);
}

/** a - b */
export function sub(a: Value, b: Value): Value {
  return a.graph.apply1(subOp, [a, b]);
}

/** a * b */
export function mul(a: Value, b: Value): Value {
  return a.graph.apply1(mulOp, [a, b]);
}

/** a / b */
export function div(a: Value, b: Value): Value {
  return a.graph.apply1(divOp, [a, b]);
}

/** x times a number. */
export function mulScalar(x: Value, factor: number): Value {
  return mul(x, x.graph.scalar(factor, x.dtype));
}

/** x plus a number. */
export function addScalar(x: Value, term: number): Value {
  return add(x, x.graph.scalar(term, x.dtype));
}

/** -x */
export function neg(x: Value): Value {
  return x.graph.apply1(negOp, [x]);
}

/** e^x */
export function exp(x: Value): Value {
  return x.graph.apply1(expOp, [x]);
}

/** The natural logarithm. */
export function log(x: Value): Value {
  return x.graph.apply1(logOp, [x]);
}

/** The square root. */
export function sqrt(x: Value): Value {
  return x.graph.apply1(sqrtOp, [x]);
}

/** The cosine. */
export function cos(x: Value): Value {
  return x.graph.apply1(cosOp, [x]);
}

/** The sine. */
export function sin(x: Value): Value {
  return x.graph.apply1(sinOp, [x]);
}

/** |x| */
export function abs(x: Value): Value {
  return x.graph.apply1(absOp, [x]);
}

/** x to the power of a constant; only the base has a gradient. */
export function pow(x: Value, exponent: Value): Value {
  return x.graph.apply1(powOp, [x, exponent]);
}

/** The larger of each pair. */
export function max(a: Value, b: Value): Value {
  return a.graph.apply1(maxOp, [a, b]);
}

/** The smaller of each pair. */
export function min(a: Value, b: Value): Value {
  return a.graph.apply1(minOp, [a, b]);
}

/** Whether elements are equal: bool. */
export function equal(a: Value, b: Value): Value {
  return a.graph.apply1(equalOp, [a, b]);
}

/** Whether a > b: bool. */
export function greater(a: Value, b: Value): Value {
  return a.graph.apply1(greaterOp, [a, b]);
}

/** Elements of `a` where the condition holds, else of `b`. */
export function where(condition: Value, a: Value, b: Value): Value {
  return a.graph.apply1(whereOp, [condition, a, b]);
}
