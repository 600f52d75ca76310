/**
 * @file Ops whose output shape the caller states, because run-time tensors or a file say what it
 *   is.
 */
import { type Op, positiveAxis, type Shape, sameDims, type Value } from '../graph.ts';
import { multiplied } from '../sizes.ts';
import { cotangentOf, inferStatedShape, inputOf, required, type StatedShape } from './checks.ts';
import { expandOp, flattenOp, reshapeOp, squeezeOp } from './shape.ts';

/**
 * The same elements under sizes that a tensor holds.
 *
 * @param sizes int64 [rank]
 * @param shape what is known of them
 */
export function reshapeTo(x: Value, sizes: Value, shape: Shape): Value {
  return x.graph.apply1(reshapeOp, [x, sizes], {}, { shape });
}

/** All axes before `axis` as one, and all from it on as another: [rows, columns]. */
export function flatten(x: Value, axis: number): Value {
  const shape = [multiplied(x.shape.slice(0, axis)), multiplied(x.shape.slice(axis))];
  return x.graph.apply1(flattenOp, [x], { axis: BigInt(axis) }, { shape });
}

/** `x` without the dimensions of size 1 at `axes`. */
export function squeeze(x: Value, axes: readonly number[]): Value {
  const dropped = axes.map((axis) => positiveAxis(axis, x.shape.length));
  const shape = x.shape.filter((_, axis) => !dropped.includes(axis));
  return x.graph.apply1(squeezeOp, [x, x.graph.integers(dropped)], {}, { shape });
}

/**
 * Repeats `x` along broadcast dimensions.
 *
 * @param sizes int64 [rank], may be 1 where `x` is larger
 * @param shape of the result
 */
export function expandTo(x: Value, sizes: Value, shape: Shape): Value {
  return x.graph.apply1(expandOp, [x, sizes], {}, { shape });
}

const identityOp: Op<StatedShape> = {
  type: 'Identity',
  infer: inferStatedShape,
  vjp: ({ node, cotangents }) => [withShape(cotangentOf(cotangents), inputOf(node, 0).shape)],
};

/** `x`, of whose sizes more is known than could be inferred. */
export function withShape(x: Value, shape: Shape): Value {
  return sameDims(x.shape, shape) ? x : x.graph.apply1(identityOp, [x], {}, { shape });
}

const triangleOp: Op<{ readonly diagonal: number }> = {
  type: 'Trilu',
  infer: (inputs) => {
    const { dtype, shape } = required('Trilu', inputs, 0);
    return [{ dtype, shape }];
  },
  vjp: ({ node, cotangents }) => [
    triangle(cotangentOf(cotangents), node.attributes.upper === 1n, node.params.diagonal),
    null,
  ],
};

/** Values of the upper or lower triangle of the last two axes, zeros elsewhere. */
export function triangle(x: Value, upper: boolean, diagonal: number): Value {
  const inputs = [x, x.graph.scalar(diagonal, 'int64')];
  return x.graph.apply1(triangleOp, inputs, { upper: upper ? 1n : 0n }, { diagonal });
}
