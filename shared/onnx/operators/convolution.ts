/**
 * @file Rules for convolution and pooling. A convolution's kernel is no linear layer's weight: it
 *   has no Gram and is averaged.
 */
import type { Shape, Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import { added, type Size } from '../../graph/sizes.ts';
import {
  input,
  integer,
  integers,
  keptAttributes,
  newSize,
  type Operator,
  type OperatorContext,
  type OperatorTable,
  optionalInput,
  text,
} from './operator.ts';

/** How windows lie over the axes after the second. */
interface Windows {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  /** Sizes that come out. */
  readonly sizes: Shape;
}

/** Null where padding follows from sizes that are known at run time only. */
function windowsOf(context: OperatorContext, x: Value, kernel: readonly number[]): Windows | null {
  const ones = kernel.map(() => 1);
  const strides = integers(context, 'strides', -1) ?? ones;
  const dilations = integers(context, 'dilations', -1) ?? ones;
  const reaches = kernel.map((length, at) => (dilations[at] ?? 1) * (length - 1));
  const pads = padsOf(context, strides, reaches);
  if (pads === null || integer(context, 'ceil_mode', 0) === 1) return null;
  const sizes = reaches.map((reach, at): Size => {
    const length = x.shape[at + 2] as Size;
    const stride = strides[at] ?? 1;
    const room = added(length, (pads[at] ?? 0) + (pads[at + kernel.length] ?? 0) - reach);
    if (stride === 1) return room ?? newSize(context, at + 2);
    return typeof room === 'number' ? Math.floor((room - 1) / stride) + 1 : newSize(context, at + 2);
  });
  return { strides, dilations, pads, sizes };
}

function padsOf(
  context: OperatorContext,
  strides: readonly number[],
  reaches: readonly number[],
): readonly number[] | null {
  const mode = text(context, 'auto_pad', 'NOTSET');
  const none = reaches.map(() => 0);
  if (mode === 'NOTSET' || mode === '') return integers(context, 'pads', -1) ?? [...none, ...none];
  if (mode === 'VALID') return [...none, ...none];
  if (strides.some((stride) => stride !== 1)) return null;
  const [less, more] = [
    reaches.map((reach) => Math.floor(reach / 2)),
    reaches.map((reach) => Math.ceil(reach / 2)),
  ];
  return mode === 'SAME_UPPER' ? [...less, ...more] : [...more, ...less];
}

/** Convolution over any number of axes. */
export const conv: Operator = (context) => {
  const [x, weight, bias] = [input(context, 0), input(context, 1), optionalInput(context, 2)];
  const kernel = weight.shape.slice(2);
  if (kernel.length === 0 || !weight.shape.every((size) => typeof size === 'number')) return null;
  if (typeof x.shape[1] !== 'number') return null;
  const windows = windowsOf(context, x, kernel.map(Number));
  if (windows === null) return null;
  const { sizes, ...rest } = windows;
  return [ops.convolution(x, weight, bias, sizes, { ...rest, group: integer(context, 'group', 1) })];
};

const maxPool: Operator = (context) => {
  const x = input(context, 0);
  const kernel = integers(context, 'kernel_shape', -1);
  const windows = kernel === null ? null : windowsOf(context, x, kernel);
  const wantsPlaces = (context.node.output[1] ?? '') !== '';
  if (windows === null || wantsPlaces || integer(context, 'storage_order', 0) === 1) return null;
  return [ops.maxPool(x, windows.sizes, keptAttributes(context.node))];
};

/** A mean over windows is a convolution of every channel by itself. */
const averagePool: Operator = (context) => {
  const x = input(context, 0);
  const kernel = integers(context, 'kernel_shape', -1);
  const windows = kernel === null ? null : windowsOf(context, x, kernel);
  const channels = x.shape[1];
  if (kernel === null || windows === null || typeof channels !== 'number') return null;
  const countsPads = integer(context, 'count_include_pad', 0) === 1;
  if (!countsPads && windows.pads.some((pad) => pad !== 0)) return null;
  const each = kernel.reduce((count, length) => count * length, 1);
  const mean = x.graph.constant(new Float32Array(channels * each).fill(1 / each), [channels, 1, ...kernel]);
  const { sizes, ...rest } = windows;
  return [ops.convolution(x, mean, null, sizes, { ...rest, group: channels })];
};

function overAll(reduce: (x: Value, axes: readonly number[]) => Value): Operator {
  return (context) => {
    const x = input(context, 0);
    return [reduce(x, x.shape.map((_, axis) => axis).slice(2))];
  };
}

/** Convolution and pooling by type. */
export const convolutionOperators: OperatorTable = {
  Conv: conv,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalMaxPool: overAll(ops.reduceMax),
  GlobalAveragePool: overAll(ops.reduceMean),
};
