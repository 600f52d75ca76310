/** @file Rules for sums, means and extremes over axes. */
import { positiveAxis, type Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import {
  hasIntegers,
  input,
  integer,
  integers,
  isFloat,
  type Operator,
  type OperatorContext,
  type OperatorTable,
} from './operator.ts';

/**
 * The axes that a node reduces; all where it names none; null where they are known at run time
 * only.
 */
function axesOf(context: OperatorContext, rank: number): readonly number[] | null {
  const given = hasIntegers(context, 'axes', 1) ? integers(context, 'axes', 1) : [];
  if (given === null || given.length > 0) return given?.map((axis) => positiveAxis(axis, rank)) ?? null;
  const none = integer(context, 'noop_with_empty_axes', 0) === 1;
  return none ? [] : Array.from({ length: rank }, (_, axis) => axis);
}

/** Reductions that leave an element that is alone as it is. */
function keepsElements({ node }: OperatorContext): boolean {
  return ['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin'].includes(node.opType);
}

function reduction(reduce: (x: Value, axes: readonly number[]) => Value): Operator {
  return (context) => {
    const x = input(context, 0);
    const axes = axesOf(context, x.shape.length);
    if (axes === null) return null;
    if (axes.length === 0) return keepsElements(context) ? [x] : null;
    const kept = reduce(x, axes);
    return [integer(context, 'keepdims', 1) === 1 ? kept : ops.squeeze(kept, axes)];
  };
}

/** Of numbers; truth values have extremes too, in version 20. */
function extreme(reduce: (x: Value, axes: readonly number[]) => Value): Operator {
  return (context) => (input(context, 0).dtype === 'bool' ? null : reduction(reduce)(context));
}

/** Integers are rounded in ways of their own. */
function ofFloats(rule: Operator): Operator {
  return (context) => (isFloat(input(context, 0)) ? rule(context) : null);
}

const squareSum = (x: Value, axes: readonly number[]): Value => ops.reduceSum(ops.mul(x, x), axes, true);

const logSumExp = (x: Value, axes: readonly number[]): Value => {
  // Around the largest, so that no exponential overflows.
  const largest = ops.reduceMax(x, axes);
  return ops.add(ops.log(ops.reduceSum(ops.exp(ops.sub(x, largest)), axes, true)), largest);
};

/** Reductions by type. */
export const reduceOperators: OperatorTable = {
  ReduceSum: reduction((x, axes) => ops.reduceSum(x, axes, true)),
  ReduceMean: ofFloats(reduction(ops.reduceMean)),
  ReduceSumSquare: reduction(squareSum),
  ReduceL1: reduction((x, axes) => ops.reduceSum(ops.abs(x), axes, true)),
  ReduceLogSum: ofFloats(reduction((x, axes) => ops.log(ops.reduceSum(x, axes, true)))),
  ReduceLogSumExp: ofFloats(reduction(logSumExp)),
  ReduceMax: extreme(ops.reduceMax),
  ReduceMin: extreme(ops.reduceMin),
  ReduceL2: ofFloats(reduction((x, axes) => ops.sqrt(squareSum(x, axes)))),
};
