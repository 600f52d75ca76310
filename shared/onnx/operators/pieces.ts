/** @file Rules for operators that take tensors apart and put them together. */
import { positiveAxis, type Shape, type Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import { added, type Size, subtracted } from '../../graph/sizes.ts';
import {
  alignedShapes,
  hasIntegers,
  input,
  integer,
  integers,
  isFloat,
  newSize,
  noted,
  numberOf,
  type Operator,
  type OperatorContext,
  type OperatorTable,
  optionalInput,
  statedOp,
  text,
} from './operator.ts';

const concat: Operator = (context) => {
  const values = context.inputs.filter((value) => value !== null);
  const first = input(context, 0);
  const axis = positiveAxis(integer(context, 'axis', 0), first.shape.length);
  const sizes = values.map(({ shape }) => shape[axis] as Size);
  const total = sizes.reduce<Size | undefined>(
    (sum, own) => (sum === undefined ? undefined : added(sum, own)),
    0,
  );
  const others = alignedShapes(values.map(({ shape }) => shape.toSpliced(axis, 1, 1)));
  const parts = values.map((value, at) =>
    ops.withShape(value, (others[at] as Shape).toSpliced(axis, 1, sizes[at] as Size)),
  );
  const shape = (others[0] as Shape).toSpliced(axis, 1, total ?? newSize(context, axis));
  const pieces = values.map((value) => context.contents.get(value));
  const known =
    pieces.every((own) => own !== undefined) && first.shape.length === 1 ? pieces.flat() : undefined;
  const counted = sizes.every((own) => typeof own === 'number');
  if (counted || !isFloat(first)) return noted(context, ops.withShape(ops.concat(parts, axis), shape), known);
  return [joined(parts, axis, shape[axis] as Size)];
};

/**
 * Parts of sizes that are not numbers: each with zeros in place of the others, added up, which has
 * a gradient.
 */
function joined(parts: readonly Value[], axis: number, total: Size): Value {
  const graph = (parts[0] as Value).graph;
  const lengths = parts.map((part) => ops.unsqueeze(ops.sizeOfAxis(part, axis), 0));
  const sum = (values: readonly Value[]): Value =>
    values.reduce((a, b) => ops.add(a, b), graph.integers([0]));
  return parts
    .map((part, at) => ops.padAxis(part, axis, sum(lengths.slice(0, at)), sum(lengths.slice(at + 1)), total))
    .reduce((a, b) => ops.add(a, b));
}

const split: Operator = (context) => {
  const x = input(context, 0);
  const axis = positiveAxis(integer(context, 'axis', 0), x.shape.length);
  const length = x.shape[axis];
  const count = context.node.output.length;
  const given = hasIntegers(context, 'split', 1) ? integers(context, 'split', 1) : undefined;
  if (given === null || typeof length !== 'number') return null;
  const chunk = Math.ceil(length / count);
  const sizes = given ?? Array.from({ length: count }, (_, at) => Math.min(chunk, length - at * chunk));
  let start = 0;
  return sizes.map((own) => {
    start += own;
    return ops.slice(x, axis, start - own, start);
  });
};

/** Ends beyond this are "to the end": exporters write the largest integer. */
const farEnd = 2 ** 31 - 1;

const slice: Operator = (context) => {
  const x = input(context, 0);
  const given = [1, 2].map((index) => context.contents.get(input(context, index)));
  const [starts, ends] = given;
  if (starts === undefined || ends === undefined) return null;
  const axes = optionalInput(context, 3) === null ? starts.map((_, at) => at) : integers(context, 'axes', 3);
  const steps = optionalInput(context, 4) === null ? starts.map(() => 1) : integers(context, 'steps', 4);
  if (axes === null || steps === null) return null;
  if (steps.some((step) => step !== 1)) return stepped(context, { starts, ends, axes, steps });
  if (starts.some((start) => typeof start !== 'number')) return null;
  let value = x;
  for (const [at, start] of starts.entries()) {
    const axis = positiveAxis(axes[at] as number, x.shape.length);
    value = sliced(context, value, axis, Number(start), ends[at] as Size, at);
  }
  const elements = context.contents.get(x);
  const length = value.shape[0];
  const from = Number(starts[0]);
  const known =
    elements !== undefined && x.shape.length === 1 && typeof length === 'number'
      ? elements.slice(from < 0 ? from + elements.length : from).slice(0, length)
      : undefined;
  return noted(context, value, known);
};

/** Where a slice begins and ends, for each axis. */
interface Bounds {
  readonly starts: readonly Size[];
  readonly ends: readonly Size[];
  readonly axes: readonly number[];
  readonly steps: readonly number[];
}

/** Every so many elements, also backwards: of axes whose size is known now. */
function stepped(context: OperatorContext, { starts, ends, axes, steps }: Bounds): readonly Value[] | null {
  const x = input(context, 0);
  let value = x;
  let elements = context.contents.get(x);
  for (const [at, step] of steps.entries()) {
    const axis = positiveAxis(axes[at] as number, x.shape.length);
    const [length, start, end] = [x.shape[axis], starts[at], ends[at]];
    if (typeof length !== 'number' || typeof start !== 'number' || typeof end !== 'number') return null;
    const bound = (place: number, least: number, most: number): number =>
      Math.max(least, Math.min(most, place < 0 ? place + length : place));
    const [first, last] =
      step > 0
        ? [bound(start, 0, length), bound(end, 0, length)]
        : [bound(start, 0, length - 1), bound(end, -1, length - 1)];
    const count = Math.max(0, Math.ceil((last - first) / step));
    const places = Array.from({ length: count }, (_, place) => first + place * step);
    value = ops.gather(value, x.graph.integers(places), axis);
    elements = elements?.filter((_, place) => places.includes(place));
    if (step < 0) elements = elements?.toReversed();
  }
  return noted(context, value, x.shape.length === 1 ? elements : undefined);
}

/** Numbers around a tensor, or with pads below zero fewer of its own. */
const pad: Operator = (context) => {
  const x = input(context, 0);
  const pads = integers(context, 'pads', 1);
  const given = optionalInput(context, 2);
  const value = given === null ? 0 : numberOf(given);
  const named = optionalInput(context, 3);
  const axes = named === null ? x.shape.map((_, axis) => axis) : integers(context, 'axes', 3);
  if (pads === null || axes === null || value === undefined || !Number.isFinite(value)) return null;
  if (text(context, 'mode', 'constant') !== 'constant' || x.dtype === 'bool') return null;
  // Around zero, where padding is with zeros.
  let result = value === 0 ? x : ops.addScalar(x, -value);
  for (const [at, own] of axes.entries()) {
    const axis = positiveAxis(own, x.shape.length);
    const [before = 0, after = 0] = [pads[at], pads[at + axes.length]];
    if (before === 0 && after === 0) continue;
    const size = added(x.shape[axis] as Size, before + after) ?? newSize(context, axis);
    result = ops.padAxis(result, axis, x.graph.integers([before]), x.graph.integers([after]), size);
  }
  return [value === 0 ? result : ops.addScalar(result, value)];
};

/**
 * Elements of one axis from `start` to `end`, both counted from either side; `end` may be a size
 * with a name.
 */
function sliced(
  context: OperatorContext,
  x: Value,
  axis: number,
  start: number,
  end: Size,
  at: number,
): Value {
  const graph = context.graph;
  const length = x.shape[axis] as Size;
  const toEnd = typeof end === 'number' && end >= farEnd;
  if (typeof length === 'number' && typeof end === 'number') {
    const first = Math.max(0, start < 0 ? start + length : start);
    const last = Math.min(length, end < 0 ? end + length : end);
    return first === 0 && last === length ? x : ops.slice(x, axis, first, last);
  }
  if (start === 0 && (toEnd || end === length)) return x;
  const fromEnd = typeof end === 'number' && end < 0;
  const stop = toEnd ? length : fromEnd ? added(length, end) : end;
  const first = start < 0 ? added(length, start) : start;
  const count =
    (stop === undefined || first === undefined ? undefined : subtracted(stop, first)) ??
    newSize(context, axis);
  const sizes = x.shape.toSpliced(axis, 1, count);
  const bound = (index: number): Value => ops.slice(input(context, index), 0, at, at + 1);
  if (!isFloat(x)) {
    const op = statedOp('Slice', x.dtype, sizes);
    return graph.apply1(op, [x, bound(1), bound(2), graph.integers([axis])]);
  }
  // Padding by less than nothing: it has a gradient, whatever is known of the sizes.
  const whole = ops.unsqueeze(ops.sizeOfAxis(x, axis), 0);
  const before = start < 0 ? ops.neg(ops.add(whole, graph.integers([start]))) : graph.integers([-start]);
  const surplus = ops.min(ops.sub(bound(2), whole), graph.integers([0]));
  const after = toEnd ? graph.integers([0]) : fromEnd ? graph.integers([Number(end)]) : surplus;
  return ops.padAxis(x, axis, before, after, count);
}

/** Operators on parts of tensors by type. */
export const pieceOperators: OperatorTable = {
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
};
