/** @file Rules for operators that read tensors at indices, and for those that make indices. */
import { positiveAxis, type Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import {
  input,
  integer,
  keptAttributes,
  newSize,
  noted,
  numberOf,
  type Operator,
  type OperatorTable,
  optionalInput,
  statedOp,
  text,
} from './operator.ts';

const gather: Operator = (context) => {
  const [x, indices] = [input(context, 0), input(context, 1)];
  const axis = positiveAxis(integer(context, 'axis', 0), x.shape.length);
  const elements = x.shape.length === 1 ? context.contents.get(x) : undefined;
  const places = context.contents.get(indices);
  const known =
    elements === undefined || places === undefined
      ? undefined
      : places.map((place) => (typeof place === 'number' ? elements.at(place) : undefined));
  const value = ops.gather(x, indices, axis);
  return noted(context, value, known?.every((own) => own !== undefined) === true ? known : undefined);
};

const gatherElements: Operator = (context) => {
  const [x, indices] = [input(context, 0), input(context, 1)];
  return [ops.gatherElements(x, indices, positiveAxis(integer(context, 'axis', 0), x.shape.length))];
};

const gatherNd: Operator = (context) => {
  const [x, indices] = [input(context, 0), input(context, 1)];
  if (integer(context, 'batch_dims', 0) !== 0 || typeof indices.shape.at(-1) !== 'number') return null;
  return [ops.gatherNd(x, indices)];
};

/**
 * Updates in the place of elements; a gradient for those that replace, not for those that are added
 * or compared.
 */
function scattered(scatter: (data: Value, indices: Value, updates: Value, axis: number) => Value): Operator {
  return (context) => {
    const [data, indices, updates] = [input(context, 0), input(context, 1), input(context, 2)];
    if (text(context, 'reduction', 'none') !== 'none') return null;
    return [scatter(data, indices, updates, positiveAxis(integer(context, 'axis', 0), data.shape.length))];
  };
}

const topK: Operator = (context) => {
  const [x, count] = [input(context, 0), input(context, 1)];
  const axis = positiveAxis(integer(context, 'axis', -1), x.shape.length);
  const known = context.contents.get(count)?.[0] ?? newSize(context, axis);
  const flag = (name: string): boolean => integer(context, name, 1) === 1;
  return ops.topK(x, count, axis, known, { largest: flag('largest'), sorted: flag('sorted') });
};

/** The place of the largest or smallest element of an axis. */
function placeOf(type: 'ArgMax' | 'ArgMin'): Operator {
  return (context) => {
    const x = input(context, 0);
    const axis = positiveAxis(integer(context, 'axis', 0), x.shape.length);
    const keeps = integer(context, 'keepdims', 1) === 1;
    const op = statedOp(type, 'int64', x.shape.toSpliced(axis, 1, ...(keeps ? [1] : [])));
    return [context.graph.apply1(op, [x], keptAttributes(context.node))];
  };
}

const oneHot: Operator = (context) => {
  const [indices, depth, values] = [input(context, 0), input(context, 1), input(context, 2)];
  const axis = positiveAxis(integer(context, 'axis', -1), indices.shape.length + 1);
  const size = context.contents.get(depth)?.[0] ?? numberOf(depth) ?? newSize(context, axis);
  const op = statedOp('OneHot', values.dtype, indices.shape.toSpliced(axis, 0, size));
  const hot = (levels: Value): Value =>
    context.graph.apply1(op, [indices, depth, levels], keptAttributes(context.node));
  if (values.role === 'constant' || values.dtype !== 'float32') return [hot(values)];
  // Levels that may be trained.
  const [off, on] = [ops.slice(values, 0, 0, 1), ops.slice(values, 0, 1, 2)];
  return [ops.add(ops.mul(hot(context.graph.constant(Float32Array.of(0, 1), [2])), ops.sub(on, off)), off)];
};

const nonZero: Operator = (context) => {
  const x = input(context, 0);
  const op = statedOp('NonZero', 'int64', [x.shape.length, newSize(context, 1)]);
  return [context.graph.apply1(op, [x])];
};

const trilu: Operator = (context) => {
  const diagonal = optionalInput(context, 1);
  const offset = diagonal === null ? 0 : numberOf(diagonal);
  if (offset === undefined) return null;
  return [ops.triangle(input(context, 0), integer(context, 'upper', 1) === 1, offset)];
};

const cumSum: Operator = (context) => {
  const [x, axis] = [input(context, 0), input(context, 1)];
  const op = statedOp('CumSum', x.dtype, x.shape);
  const flags = {
    exclusive: BigInt(integer(context, 'exclusive', 0)),
    reverse: BigInt(integer(context, 'reverse', 0)),
  };
  return [context.graph.apply1(op, [x, axis], flags)];
};

/** Operators on places by type. */
export const placeOperators: OperatorTable = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  ScatterElements: scattered(ops.scatterElements),
  ScatterND: scattered(ops.scatterNd),
  TopK: topK,
  ArgMax: placeOf('ArgMax'),
  ArgMin: placeOf('ArgMin'),
  OneHot: oneHot,
  NonZero: nonZero,
  Trilu: trilu,
  CumSum: cumSum,
};
