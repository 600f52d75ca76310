/** @file Rules for operators that read tensors at indices, and for those that make indices. */
import { positiveAxis } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import {
  input,
  integer,
  noted,
  numberOf,
  type Operator,
  type OperatorTable,
  optionalInput,
  statedOp,
} from './operator.ts';

const gather: Operator = (context) => {
  const [x, indices] = [input(context, 0), input(context, 1)];
  const axis = positiveAxis(integer(context, 'axis', 0), x.shape.length);
  const elements = context.contents.get(x);
  const places = context.contents.get(indices);
  const known =
    elements === undefined || places === undefined
      ? undefined
      : places.map((place) => elements.at(Number(place)));
  const value = ops.gather(x, indices, axis);
  return noted(context, value, known?.every((own) => own !== undefined) === true ? known : undefined);
};

const gatherElements: Operator = (context) => {
  const [x, indices] = [input(context, 0), input(context, 1)];
  const last = positiveAxis(integer(context, 'axis', 0), x.shape.length) === x.shape.length - 1;
  return last ? [ops.gatherLast(x, indices)] : null;
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
  Trilu: trilu,
  CumSum: cumSum,
};
