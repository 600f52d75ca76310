/**
 * @file Convolutions and pooling over any number of axes, whose sizes may be known only at run
 *   time. Shapes: N examples, C channels, M filters, L elements of an axis, k of the kernel, T of
 *   the output.
 */
import type { Attributes, Op, Shape, Value } from '../graph.ts';
import { multiplied, named, type Size } from '../sizes.ts';
import { cotangentOf, inferStatedShape, inputOf, outputOf, required, type StatedShape } from './checks.ts';
import { add, sub } from './elementwise.ts';
import { gather, scatterAdd, sizeOfAxis } from './indexing.ts';
import { padAxis } from './padding.ts';
import { reduceSum } from './reduce.ts';
import { concat, reshapeLike, slice, transpose, unsqueeze, zerosLike } from './shape.ts';
import { reshapeTo } from './stated-shape.ts';

/** Of each axis after the second. */
export interface ConvolutionOptions {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Zeros before the elements of each axis, then after those of each. */
  readonly pads: readonly number[];
  /** Parts that channels and filters are divided into, each convolved by itself. */
  readonly group: number;
}

const convolutionOp: Op<StatedShape & { readonly options: ConvolutionOptions }> = {
  type: 'Conv',
  infer: inferStatedShape,
  vjp: ({ node, cotangents }) => {
    const dy = cotangentOf(cotangents);
    const { options } = node.params;
    const [x, weight] = [inputOf(node, 0), inputOf(node, 1)];
    const others = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
    const gradients = [ofInput(dy, x, weight, options), ofWeight(dy, x, weight, options)];
    return (node.inputs[2] ?? null) === null ? gradients : [...gradients, reduceSum(dy, others, false)];
  },
};

/**
 * A convolution (in fact a correlation, as ONNX and PyTorch have it).
 *
 * @param x [N, C, L, ..]
 * @param weight [M, C / group, k, ..]
 * @param bias [M], or null
 * @param sizes T, ..: sizes of the output's axes after the second
 * @returns [N, M, T, ..]
 */
export function convolution(
  x: Value,
  weight: Value,
  bias: Value | null,
  sizes: Shape,
  options: ConvolutionOptions,
): Value {
  const shape = [x.shape[0] as Size, weight.shape[0] as Size, ...sizes];
  const attributes = {
    strides: options.strides.map(BigInt),
    dilations: options.dilations.map(BigInt),
    pads: options.pads.map(BigInt),
    group: BigInt(options.group),
  };
  const inputs = bias === null ? [x, weight] : [x, weight, bias];
  return x.graph.apply1(convolutionOp, inputs, attributes, { shape, options });
}

/**
 * dx: dy, with zeros where strides skipped, convolved with the kernel from its end to its
 * beginning.
 */
function ofInput(dy: Value, x: Value, weight: Value, options: ConvolutionOptions): Value {
  const { strides, dilations, pads, group } = options;
  const graph = x.graph;
  let spread = dy;
  let kernel = groupsTurned(weight, group);
  for (const [at, dilation] of dilations.entries()) {
    const axis = at + 2;
    const length = Number(weight.shape[axis]);
    const reach = dilation * (length - 1);
    const [begin = 0, end = 0] = [pads[at], pads[at + dilations.length]];
    const stride = strides[at] ?? 1;
    const before = graph.integers([reach - begin]);
    const size = x.shape[axis] as Size;
    if (stride === 1) {
      spread = padAxis(spread, axis, before, graph.integers([reach - end]), size);
    } else {
      spread = withZerosBetween(spread, axis, stride);
      const missing = sub(sizeOfAxis(x, axis), sizeOfAxis(spread, axis));
      spread = padAxis(spread, axis, before, add(unsqueeze(missing, 0), graph.integers([begin])), size);
    }
    const backwards = Array.from({ length }, (_, place) => length - 1 - place);
    if (length > 1) kernel = gather(kernel, graph.integers(backwards), axis);
  }
  const plain = { dilations, group, strides: strides.map(() => 1), pads: pads.map(() => 0) };
  return convolution(spread, kernel, null, x.shape.slice(2), plain);
}

/** [M, C / group, k, ..] -> [C, M / group, k, ..] */
function groupsTurned(weight: Value, group: number): Value {
  const [filters, channels, ...kernel] = weight.shape.map(Number) as [number, number, ...number[]];
  const rest = kernel.map((_, at) => at);
  if (group === 1) return transpose(weight, [1, 0, ...rest.map((at) => at + 2)]);
  const graph = weight.graph;
  const apart = [group, filters / group, channels, ...kernel];
  const turned = transpose(reshapeTo(weight, graph.integers(apart), apart), [
    0,
    2,
    1,
    ...rest.map((at) => at + 3),
  ]);
  const joined = [group * channels, filters / group, ...kernel];
  return reshapeTo(turned, graph.integers(joined), joined);
}

/** Every element of an axis followed by `stride - 1` zeros. */
function withZerosBetween(x: Value, axis: number, stride: number): Value {
  const graph = x.graph;
  const last = x.shape.length - 1;
  const swap = x.shape.map((_, at) => (at === axis ? last : at === last ? axis : at));
  const moved = transpose(x, swap);
  const none = graph.integers([0]);
  const wide = padAxis(unsqueeze(moved, last + 1), last + 1, none, graph.integers([stride - 1]), stride);
  const shape = moved.shape.with(last, multiplied([stride, moved.shape[last] as Size]));
  // Zeros keep sizes.
  const sizes = graph.integers(shape.map((_, at) => (at === last ? -1 : 0)));
  return transpose(reshapeTo(wide, sizes, shape), swap);
}

/** dW: the inputs convolved with dy, examples in the place of channels. */
function ofWeight(dy: Value, x: Value, weight: Value, options: ConvolutionOptions): Value {
  const { strides, dilations, pads, group } = options;
  const rest = strides.map((_, at) => at + 2);
  const examples = transpose(dy, [1, 0, ...rest]);
  const sizes = strides.map(
    (stride, at): Size => (stride === 1 ? (weight.shape[at + 2] as Size) : named(`kernel:${at}`)),
  );
  const turned = { strides: dilations, dilations: strides, pads, group };
  let found = convolution(channelsFirst(x, group), examples, null, sizes, turned);
  // Strides may leave elements at the end that no step reached.
  for (const [at, stride] of strides.entries()) {
    if (stride > 1) found = slice(found, at + 2, 0, Number(weight.shape[at + 2]));
  }
  return transpose(found, [1, 0, ...rest]);
}

/** [N, C, L, ..] -> [C / group, group * N, L, ..] */
function channelsFirst(x: Value, group: number): Value {
  const rest = x.shape.slice(2).map((_, at) => at + 2);
  const channels = transpose(x, [1, 0, ...rest]);
  if (group === 1) return channels;
  const graph = x.graph;
  const each = Number(x.shape[1]) / group;
  const [, examples, ...lengths] = channels.shape as [Size, Size, ...Size[]];
  const tail = [examples, ...lengths].map((_, at) => unsqueeze(sizeOfAxis(channels, at + 1), 0));
  const apart = reshapeTo(channels, concat([graph.integers([group, each]), ...tail], 0), [
    group,
    each,
    examples,
    ...lengths,
  ]);
  const turned = transpose(apart, [1, 0, 2, ...rest.map((axis) => axis + 1)]);
  const sizes = concat([graph.integers([each, -1]), ...tail.slice(1)], 0);
  return reshapeTo(turned, sizes, [each, multiplied([group, examples]), ...lengths]);
}

const maxPoolOp: Op<StatedShape> = {
  type: 'MaxPool',
  infer: (inputs, _, { shape }) => [
    { dtype: required('MaxPool', inputs, 0).dtype, shape },
    { dtype: 'int64', shape },
  ],
  vjp: ({ node, cotangents }) => {
    const input = inputOf(node, 0);
    const size = multiplied(node.params.shape);
    const flat = (value: Value, to: Size): Value => reshapeTo(value, value.graph.integers([-1]), [to]);
    const places = flat(outputOf(node, 1), size);
    const dy = flat(cotangentOf(cotangents), size);
    const zeros = flat(zerosLike(input), multiplied(input.shape));
    return [reshapeLike(scatterAdd(zeros, places, dy, 0), input)];
  },
};

/** The largest element of every window; the gradient goes to the first of equal ones. */
export function maxPool(x: Value, sizes: Shape, attributes: Attributes): Value {
  return x.graph.apply1(maxPoolOp, [x], attributes, { shape: [...x.shape.slice(0, 2), ...sizes] });
}
