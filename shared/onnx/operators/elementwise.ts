/** @file Rules for operators on every element by itself. */
import { broadcastShapes, type Op, type Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import { added, divided, multiplied, type Size, subtracted } from '../../graph/sizes.ts';
import { dropout } from '../../models/scope.ts';
import {
  aligned,
  float,
  input,
  integer,
  isFloat,
  keptAttributes,
  noted,
  numberOf,
  type Operator,
  type OperatorContext,
  type OperatorTable,
  optionalInput,
  statedOp,
  unary,
} from './operator.ts';

type Pair = (a: Value, b: Value) => Value;

/** Broadcast arithmetic, followed through sizes. */
function arithmetic(apply: Pair, ofSizes: (a: Size, b: Size) => Size | undefined): Operator {
  return (context) => {
    const [a, b] = aligned([input(context, 0), input(context, 1)]) as [Value, Value];
    return noted(context, apply(a, b), isFloat(a) ? undefined : pairwise(context, ofSizes));
  };
}

function pairwise(
  context: OperatorContext,
  combine: (a: Size, b: Size) => Size | undefined,
): readonly Size[] | undefined {
  const left = context.contents.get(input(context, 0));
  const right = context.contents.get(input(context, 1));
  if (left === undefined || right === undefined) return undefined;
  const result = Array.from({ length: Math.max(left.length, right.length) }, (_, at) =>
    combine(left[left.length === 1 ? 0 : at] as Size, right[right.length === 1 ? 0 : at] as Size),
  );
  return result.every((size) => size !== undefined) ? result : undefined;
}

function truncatedDivision(a: Size, b: Size): Size | undefined {
  if (typeof a === 'number' && typeof b === 'number') return b === 0 ? undefined : Math.trunc(a / b);
  return divided(a, b);
}

/** A test of pairs, which has no gradient. */
function comparison(type: string, ofSizes?: (a: number, b: number) => boolean): Operator {
  const op: Op = {
    type,
    infer: (inputs) => {
      const [a, b] = inputs as [Value, Value];
      return [{ dtype: 'bool', shape: a.shape.length === 0 && b.shape.length === 0 ? [] : broadcast(a, b) }];
    },
  };
  return (context) => {
    const [a, b] = aligned([input(context, 0), input(context, 1)]) as [Value, Value];
    const known =
      ofSizes === undefined
        ? undefined
        : pairwise(context, (x, y) => {
            if (typeof x === 'number' && typeof y === 'number') return Number(ofSizes(x, y));
            if (x === y) return Number(ofSizes(1, 1));
            // A size that has only a name is at least 1.
            if (typeof y === 'number' && y < 1) return Number(ofSizes(Number.MAX_SAFE_INTEGER, y));
            if (typeof x === 'number' && x < 1) return Number(ofSizes(x, Number.MAX_SAFE_INTEGER));
            return undefined;
          });
    return noted(context, a.graph.apply1(op, [a, b]), known);
  };
}

function broadcast(a: Value, b: Value): Size[] {
  const [longer, shorter] = a.shape.length >= b.shape.length ? [a.shape, b.shape] : [b.shape, a.shape];
  const first = longer.length - shorter.length;
  return longer.map((size, axis) => (size === 1 ? (shorter[axis - first] ?? 1) : size));
}

/** An operator with the shape of its input and no gradient. */
function withoutGradient(type: string, result?: 'bool'): Operator {
  return (context) => {
    const x = input(context, 0);
    const op = statedOp(type, result ?? x.dtype, x.shape);
    return [x.graph.apply1(op, context.inputs, keptAttributes(context.node))];
  };
}

/** An operator on pairs of integers, or one that has no gradient. */
function pairsWithoutGradient(type: string, ofSizes?: (a: Size, b: Size) => Size | undefined): Operator {
  return (context) => {
    const [a, b] = aligned([input(context, 0), input(context, 1)]) as [Value, Value];
    const op = statedOp(type, a.dtype, broadcastShapes(type, a.shape, b.shape));
    const value = a.graph.apply1(op, [a, b], keptAttributes(context.node));
    return noted(context, value, ofSizes === undefined ? undefined : pairwise(context, ofSizes));
  };
}

/** The remainder with the sign of the divisor. */
function remainder(a: Size, b: Size): Size | undefined {
  if (typeof a !== 'number' || typeof b !== 'number' || b === 0) return undefined;
  return ((a % b) + b) % b;
}

/** Two or more operands, one after another. */
function folded(apply: Pair): Operator {
  return (context) => [foldedValue(apply, context)];
}

function foldedValue(apply: Pair, { inputs }: OperatorContext): Value {
  const values = inputs.filter((value) => value !== null);
  return values.reduce((a, b) => {
    const [left, right] = aligned([a, b]) as [Value, Value];
    return apply(left, right);
  });
}

const clip: Operator = (context) => {
  const x = input(context, 0);
  const least = optionalInput(context, 1);
  const most = optionalInput(context, 2);
  const raised = least === null ? x : ops.max(x, least);
  return [most === null ? raised : ops.min(raised, most)];
};

const power: Operator = (context) => {
  const base = input(context, 0);
  const exponent = input(context, 1);
  if (numberOf(exponent) === undefined) return null;
  // The result is of the base's type, but the exponent may not be an integer.
  if (!isFloat(base) && exponent.dtype !== base.dtype) return null;
  return [ops.pow(base, ops.cast(exponent, base.dtype))];
};

const whereOperator: Operator = (context) => {
  const [condition, a, b] = aligned([input(context, 0), input(context, 1), input(context, 2)]) as [
    Value,
    Value,
    Value,
  ];
  const [test, first, second] = [0, 1, 2].map((index) => context.contents.get(input(context, index)));
  const known =
    test === undefined || first === undefined || second === undefined
      ? undefined
      : Array.from({ length: Math.max(test.length, first.length, second.length) }, (_, at): Size => {
          const own = (list: readonly Size[]): Size => list[list.length === 1 ? 0 : at] as Size;
          return own(test) === 1 ? own(first) : own(second);
        });
  return noted(context, ops.where(condition, a, b), known);
};

const dropoutOperator: Operator = (context) => {
  const given = optionalInput(context, 1);
  const ratio = given === null ? float(context, 'ratio', 0.5) : numberOf(given);
  return ratio === undefined ? null : [dropout(context.scope, input(context, 0), ratio)];
};

/** Elementwise operators by type. */
export const elementwiseOperators: OperatorTable = {
  Add: arithmetic(ops.add, added),
  Sub: arithmetic(ops.sub, subtracted),
  Mul: arithmetic(ops.mul, (a, b) =>
    Number(a) < 0 || Number(b) < 0 ? negativeProduct(a, b) : multiplied([a, b]),
  ),
  Div: arithmetic(ops.div, truncatedDivision),
  Pow: power,
  Sqrt: unary(ops.sqrt),
  Reciprocal: unary((x) => ops.div(x.graph.scalar(1, x.dtype), x)),
  Neg: unary(ops.neg),
  Abs: unary(ops.abs),
  Exp: unary(ops.exp),
  Log: unary(ops.log),
  Sin: unary(ops.sin),
  Cos: unary(ops.cos),
  Erf: unary(ops.erf),
  Clip: clip,
  Min: folded(ops.min),
  Max: folded(ops.max),
  Sum: folded(ops.add),
  Mean: (context) => [ops.mulScalar(foldedValue(ops.add, context), 1 / context.inputs.length)],
  Where: whereOperator,
  Dropout: dropoutOperator,
  Equal: comparison('Equal', (a, b) => a === b),
  Greater: comparison('Greater', (a, b) => a > b),
  GreaterOrEqual: comparison('GreaterOrEqual', (a, b) => a >= b),
  Less: comparison('Less', (a, b) => a < b),
  LessOrEqual: comparison('LessOrEqual', (a, b) => a <= b),
  And: comparison('And'),
  Or: comparison('Or'),
  Xor: comparison('Xor'),
  Not: withoutGradient('Not'),
  Floor: withoutGradient('Floor'),
  Ceil: withoutGradient('Ceil'),
  Round: withoutGradient('Round'),
  Sign: withoutGradient('Sign'),
  IsNaN: withoutGradient('IsNaN', 'bool'),
  IsInf: withoutGradient('IsInf', 'bool'),
  Mod: (context) =>
    pairsWithoutGradient('Mod', integer(context, 'fmod', 0) === 0 ? remainder : undefined)(context),
  BitShift: pairsWithoutGradient('BitShift'),
  BitwiseAnd: pairsWithoutGradient('BitwiseAnd'),
  BitwiseOr: pairsWithoutGradient('BitwiseOr'),
  BitwiseXor: pairsWithoutGradient('BitwiseXor'),
  BitwiseNot: withoutGradient('BitwiseNot'),
};

/** Exported graphs mark sizes that are to be kept with -1. */
function negativeProduct(a: Size, b: Size): Size | undefined {
  return typeof a === 'number' && typeof b === 'number' ? a * b : undefined;
}
