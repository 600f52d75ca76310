/** @file Rules for operators that move elements, and for those that exported graphs compute shapes with. */
import {
  type Dim,
  type DType,
  type Op,
  positiveAxis,
  type Shape,
  sameDims,
  type Value,
} from '../../graph/graph.ts';
import { elementTypes } from '../../graph/onnx-model.ts';
import * as ops from '../../graph/ops/index.ts';
import { added, divided, inOrderOf, multiplied, sameSize, subtracted } from '../../graph/sizes.ts';
import type { OnnxTensor } from '../schema.ts';
import { dataOf, dtypeOfCode } from '../tensors.ts';
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
  tensor,
  unknownSizes,
} from './operator.ts';

/** An op whose output the rule states: of integers and truth values, which need no gradient. */
function statedOp(type: string, dtype: DType, shape: Shape): Op {
  return { type, infer: () => [{ dtype, shape }] };
}

const shapeOperator: Operator = (context) => {
  const x = input(context, 0);
  const rank = x.shape.length;
  const bound = (name: string, otherwise: number): number => {
    const given = integer(context, name, otherwise);
    return Math.min(rank, Math.max(0, given < 0 ? given + rank : given));
  };
  const [start, end] = [bound('start', 0), bound('end', rank)];
  const op = statedOp('Shape', 'int64', [end - start]);
  const value = context.graph.apply1(op, [x], { start: BigInt(start), end: BigInt(end) });
  return noted(context, value, x.shape.slice(start, end));
};

const size: Operator = (context) => {
  const x = input(context, 0);
  return noted(context, context.graph.apply1(statedOp('Size', 'int64', []), [x]), [multiplied(x.shape)]);
};

const reshape: Operator = (context) => {
  const [x, sizes] = [input(context, 0), input(context, 1)];
  const known = context.contents.get(x);
  const wanted = context.contents.get(sizes);
  if (wanted === undefined) {
    const rank = sizes.shape[0];
    if (typeof rank !== 'number') return null;
    return [
      ops.reshapeTo(
        x,
        sizes,
        Array.from({ length: rank }, (_, axis) => newSize(context, axis)),
      ),
    ];
  }
  const shape = reshapedTo(context, x, wanted);
  if (sameDims(x.shape, shape)) return [x];
  return noted(
    context,
    unknownSizes(shape) <= 1 ? ops.reshape(x, shape) : ops.reshapeTo(x, sizes, shape),
    known,
  );
};

/** The shape that a reshape to `wanted` gives: 0 keeps a size, -1 takes what is left. */
function reshapedTo(context: OperatorContext, x: Value, wanted: readonly Dim[]): Shape {
  const keepsZero = integer(context, 'allowzero', 0) === 0;
  const sizes = wanted.map((own, axis) => (own === 0 && keepsZero ? (x.shape[axis] as Dim) : own));
  const open = sizes.indexOf(-1);
  const total = multiplied(x.shape);
  if (open >= 0) {
    const others = multiplied(sizes.filter((_, axis) => axis !== open));
    sizes[open] = divided(total, others) ?? newSize(context, open);
  }
  return sameSize(multiplied(sizes), total) ? inOrderOf(x.shape, sizes) : sizes;
}

const flatten: Operator = (context) => {
  const x = input(context, 0);
  const axis = positiveAxis(integer(context, 'axis', 1), x.shape.length);
  const shape = [multiplied(x.shape.slice(0, axis)), multiplied(x.shape.slice(axis))];
  return unknownSizes(shape) <= 1 ? [ops.reshape(x, shape)] : null;
};

const unsqueeze: Operator = (context) => {
  const x = input(context, 0);
  const axes = integers(context, 'axes', 1);
  if (axes === null) return null;
  const rank = x.shape.length + axes.length;
  const ordered = axes.map((axis) => positiveAxis(axis, rank)).sort((a, b) => a - b);
  return noted(
    context,
    ordered.reduce((value, axis) => ops.unsqueeze(value, axis), x),
    context.contents.get(x),
  );
};

const squeeze: Operator = (context) => {
  const x = input(context, 0);
  const axes = hasIntegers(context, 'axes', 1)
    ? integers(context, 'axes', 1)
    : x.shape.flatMap((own, axis) => (own === 1 ? [axis] : []));
  return axes === null ? null : noted(context, ops.squeeze(x, axes), context.contents.get(x));
};

const transpose: Operator = (context) => {
  const x = input(context, 0);
  const backwards = x.shape.map((_, axis) => x.shape.length - 1 - axis);
  return [ops.transpose(x, integers(context, 'perm', 1) ?? backwards)];
};

const concat: Operator = (context) => {
  const values = context.inputs.filter((value) => value !== null);
  const first = input(context, 0);
  const axis = positiveAxis(integer(context, 'axis', 0), first.shape.length);
  const sizes = values.map(({ shape }) => shape[axis] as Dim);
  const total = sizes.reduce<Dim | undefined>(
    (sum, own) => (sum === undefined ? undefined : added(sum, own)),
    0,
  );
  const others = alignedShapes(values.map(({ shape }) => shape.toSpliced(axis, 1, 1)));
  const parts = values.map((value, at) =>
    ops.withShape(value, (others[at] as Shape).toSpliced(axis, 1, sizes[at] as Dim)),
  );
  const shape = (others[0] as Shape).toSpliced(axis, 1, total ?? newSize(context, axis));
  const pieces = values.map((value) => context.contents.get(value));
  const known =
    pieces.every((own) => own !== undefined) && first.shape.length === 1 ? pieces.flat() : undefined;
  const counted = sizes.every((own) => typeof own === 'number');
  if (counted || !isFloat(first)) return noted(context, ops.withShape(ops.concat(parts, axis), shape), known);
  return [joined(parts, axis, shape[axis] as Dim)];
};

/** Parts of sizes that are not numbers: each with zeros in place of the others, added up, which has a gradient. */
function joined(parts: readonly Value[], axis: number, total: Dim): Value {
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

/** Ends beyond this are "to the end": exporters write the largest integer. */
const farEnd = 2 ** 31 - 1;

const slice: Operator = (context) => {
  const x = input(context, 0);
  const given = [1, 2].map((index) => context.contents.get(input(context, index)));
  const [starts, ends] = given;
  if (starts === undefined || ends === undefined) return null;
  const axes = optionalInput(context, 3) === null ? starts.map((_, at) => at) : integers(context, 'axes', 3);
  const steps = optionalInput(context, 4) === null ? starts.map(() => 1) : integers(context, 'steps', 4);
  if (axes === null || steps === null || steps.some((step) => step !== 1)) return null;
  if (starts.some((start) => typeof start !== 'number')) return null;
  let value = x;
  for (const [at, start] of starts.entries()) {
    const axis = positiveAxis(axes[at] as number, x.shape.length);
    value = sliced(context, value, axis, Number(start), ends[at] as Dim, at);
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

/** Elements of one axis from `start` to `end`, both counted from either side; `end` may be a size with a name. */
function sliced(
  context: OperatorContext,
  x: Value,
  axis: number,
  start: number,
  end: Dim,
  at: number,
): Value {
  const graph = context.graph;
  const length = x.shape[axis] as Dim;
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

const expand: Operator = (context) => {
  const [x, sizes] = [input(context, 0), input(context, 1)];
  const wanted = context.contents.get(sizes);
  if (wanted === undefined) return null;
  const [from, to] = alignedShapes([x.shape, wanted]) as [Shape, Shape];
  const rank = Math.max(from.length, to.length);
  const shape = Array.from({ length: rank }, (_, axis): Dim => {
    const own = from[axis - rank + from.length] ?? 1;
    return own === 1 ? (to[axis - rank + to.length] ?? 1) : own;
  });
  return [sameDims(x.shape, shape) ? x : ops.expandTo(ops.withShape(x, from), sizes, shape)];
};

const constantOfShape: Operator = (context) => {
  const sizes = input(context, 0);
  const wanted = context.contents.get(sizes);
  const rank = sizes.shape[0];
  if (typeof rank !== 'number') return null;
  const value = tensor(context, 'value');
  const fill = value === undefined ? Float32Array.of(0) : dataOf(value, 'value').data;
  const scalar = context.graph.constant(fill, []);
  const shape = wanted ?? Array.from({ length: rank }, (_, axis) => newSize(context, axis));
  const length = shape[0];
  const known = rank === 1 && typeof length === 'number' && !isFloat(scalar);
  const elements = known ? Array<Dim>(length).fill(Number(fill[0])) : undefined;
  return noted(context, ops.expandTo(scalar, sizes, shape), elements);
};

const range: Operator = (context) => {
  const [start, end, step] = [input(context, 0), input(context, 1), input(context, 2)];
  if (numberOf(step) !== 1 || start.dtype !== 'int64') return null;
  const [from, to] = [context.contents.get(start)?.[0], context.contents.get(end)?.[0]];
  const count = from === undefined || to === undefined ? undefined : subtracted(to, from);
  const value = ops.range(start, end, count ?? newSize(context, 0));
  const known = typeof count === 'number' && typeof from === 'number';
  return noted(context, value, known ? Array.from({ length: count }, (_, at) => from + at) : undefined);
};

const cast: Operator = (context) => {
  const x = input(context, 0);
  const dtype = dtypeOfCode(integer(context, 'to', 0));
  if (dtype === undefined) return null;
  const value = ops.cast(x, dtype);
  return value === x ? [x] : noted(context, value, isFloat(value) ? undefined : context.contents.get(x));
};

const constant: Operator = (context) => {
  const make = (value: OnnxTensor): readonly Value[] => [
    constantValue(context.graph, value, 'value', context.contents),
  ];
  const value = tensor(context, 'value');
  if (value !== undefined) return make(value);
  const [attribute] = context.node.attribute ?? [];
  switch (attribute?.name) {
    case 'value_float':
      return make({ dims: [], dataType: elementTypes.float32, floatData: [attribute.f ?? 0] });
    case 'value_int':
      return make({ dims: [], dataType: elementTypes.int64, int64Data: [attribute.i ?? 0] });
    case 'value_floats': {
      const floatData = attribute.floats ?? [];
      return make({ dims: [floatData.length], dataType: elementTypes.float32, floatData });
    }
    case 'value_ints': {
      const int64Data = attribute.ints ?? [];
      return make({ dims: [int64Data.length], dataType: elementTypes.int64, int64Data });
    }
    default:
      return null;
  }
};

/** A tensor of the file as a constant of the graph. */
export function constantValue(
  graph: Value['graph'],
  value: OnnxTensor,
  where: string,
  contents: OperatorContext['contents'],
): Value {
  const { data, dtype } = dataOf(value, where);
  const shape = (value.dims ?? []).map(Number);
  const created = graph.constant(data, shape);
  const integral = dtype === 'int64' || dtype === 'int32' || dtype === 'bool';
  if (integral && shape.length <= 1) contents.set(created, Array.from(data, Number));
  return created;
}

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

const gatherElements: Operator = (context) => {
  const [x, indices] = [input(context, 0), input(context, 1)];
  const last = positiveAxis(integer(context, 'axis', 0), x.shape.length) === x.shape.length - 1;
  return last ? [ops.gatherLast(x, indices)] : null;
};

const identity: Operator = (context) => [input(context, 0)];

/** Operators on shapes and places by type. */
export const shapeOperators: OperatorTable = {
  Identity: identity,
  Shape: shapeOperator,
  Size: size,
  Reshape: reshape,
  Flatten: flatten,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Gather: gather,
  GatherElements: gatherElements,
  Slice: slice,
  Expand: expand,
  ConstantOfShape: constantOfShape,
  Range: range,
  Cast: cast,
  Constant: constant,
  Trilu: trilu,
  CumSum: cumSum,
};
