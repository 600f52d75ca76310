/**
 * @file Padding, cropping and shifting by amounts that may be known only at run time. Sizes below
 *   zero crop.
 */

import type { Op, Value } from '../graph.ts';
import type { Size } from '../sizes.ts';
import { cotangentOf, inferStatedShape, inputOf, type StatedShape } from './checks.ts';
import { neg } from './elementwise.ts';
import { concat } from './shape.ts';

const padOp: Op<StatedShape> = {
  type: 'Pad',
  infer: inferStatedShape,
  vjp: ({ node, cotangents }) => {
    const x = inputOf(node, 0);
    const inputs = [cotangentOf(cotangents), neg(inputOf(node, 1))];
    return [x.graph.apply1(padOp, inputs, {}, { shape: x.shape }), null];
  },
};

/**
 * Zeros before and after the elements of an axis; where a size is below zero, so many elements
 * fewer.
 *
 * @param before int64 [1], like `after`
 * @param size of the axis afterwards
 */
export function padAxis(x: Value, axis: number, before: Value, after: Value, size: Size): Value {
  const graph = x.graph;
  const zeros = (count: number): Value[] => (count > 0 ? [graph.integers(Array<number>(count).fill(0))] : []);
  const [front, back] = [zeros(axis), zeros(x.shape.length - axis - 1)];
  // Sizes of every axis: ONNX Runtime's optimizer moves a Transpose over a Pad as if axes were
  // never named.
  const pads = concat([...front, before, ...back, ...front, after, ...back], 0);
  return graph.apply1(padOp, [x, pads], {}, { shape: x.shape.with(axis, size) });
}

/**
 * Elements moved `by` places towards the end of an axis (below zero: the beginning), zeros where
 * none came from.
 */
export function shift(x: Value, axis: number, by: number): Value {
  const graph = x.graph;
  return padAxis(x, axis, graph.integers([by]), graph.integers([-by]), x.shape[axis] as Size);
}
