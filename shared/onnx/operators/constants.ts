/** @file Rules for operators that make tensors of numbers that a file or a shape says. */
import type { Value } from '../../graph/graph.ts';
import { elementTypes } from '../../graph/onnx-model.ts';
import type { OnnxTensor } from '../../graph/onnx-schema.ts';
import * as ops from '../../graph/ops/index.ts';
import { type Size, subtracted } from '../../graph/sizes.ts';
import { dataOf } from '../tensors.ts';
import {
  input,
  isFloat,
  newSize,
  noted,
  numberOf,
  type Operator,
  type OperatorContext,
  type OperatorTable,
  tensor,
} from './operator.ts';

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
  const elements = known ? Array<Size>(length).fill(Number(fill[0])) : undefined;
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

/** Operators that make tensors by type. */
export const constantOperators: OperatorTable = {
  ConstantOfShape: constantOfShape,
  Range: range,
  Constant: constant,
};
