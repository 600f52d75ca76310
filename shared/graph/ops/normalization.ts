/**
 * @file Layer normalisation, with and without the mean, and normalisation by statistics that are
 *   given.
 */

import type { Op, Value } from '../graph.ts';
import type { Size } from '../sizes.ts';
import { cotangentOf, inputOf, outputOf, required, requireSameSize } from './checks.ts';
import { add, addScalar, div, mul, sqrt, sub } from './elementwise.ts';
import { meanLast, reduceSum } from './reduce.ts';
import { cast, unsqueeze, zerosLike } from './shape.ts';

const layerNormalizationOp: Op = {
  type: 'LayerNormalization',
  infer: (inputs) => {
    const x = required('LayerNormalization', inputs, 0);
    const scale = required('LayerNormalization', inputs, 1);
    requireSameSize(`LayerNormalization of ${x.name}`, 'hidden sizes', x.shape.at(-1), scale.shape[0]);
    const perRow = x.shape.map((dim, axis): Size => (axis === x.shape.length - 1 ? 1 : dim));
    return [
      { dtype: x.dtype, shape: x.shape },
      { dtype: 'float32', shape: perRow },
      { dtype: 'float32', shape: perRow },
    ];
  },
  vjp: ({ node, cotangents }) => {
    // With n = (x - mean) / std and g = dy * scale: dx = (g - mean(g) - n * mean(g * n)) / std.
    const dy = cotangentOf(cotangents);
    const x = inputOf(node, 0);
    const mean = cast(outputOf(node, 1), x.dtype);
    const inverseStd = cast(outputOf(node, 2), x.dtype);
    const normalized = mul(sub(x, mean), inverseStd);
    const g = mul(dy, inputOf(node, 1));
    const correction = add(mul(normalized, meanLast(mul(g, normalized))), meanLast(g));
    const gradients = [mul(sub(g, correction), inverseStd), mul(dy, normalized)];
    return node.inputs.length === 2 ? gradients : [...gradients, dy];
  },
};

/**
 * Normalises the last axis to mean 0 and variance 1, then scales and shifts.
 *
 * @param x [.., hidden]
 * @param scale [hidden]
 * @param bias [hidden], or null
 * @param epsilon added to the variance
 */
export function layerNormalization(x: Value, scale: Value, bias: Value | null, epsilon: number): Value {
  const inputs = bias === null ? [x, scale] : [x, scale, bias];
  return x.graph.apply1(layerNormalizationOp, inputs, { axis: -1n, epsilon });
}

const rmsNormalizationOp: Op = {
  type: 'SimplifiedLayerNormalization',
  infer: (inputs) => {
    const x = required('SimplifiedLayerNormalization', inputs, 0);
    const scale = required('SimplifiedLayerNormalization', inputs, 1);
    requireSameSize(`RMS normalisation of ${x.name}`, 'hidden sizes', x.shape.at(-1), scale.shape[0]);
    const perRow = x.shape.map((dim, axis): Size => (axis === x.shape.length - 1 ? 1 : dim));
    return [
      { dtype: x.dtype, shape: x.shape },
      { dtype: 'float32', shape: perRow },
    ];
  },
  vjp: ({ node, cotangents }) => {
    // With n = x / rms and g = dy * scale: dx = (g - n * mean(g * n)) / rms.
    const dy = cotangentOf(cotangents);
    const x = inputOf(node, 0);
    const inverseRms = cast(outputOf(node, 1), x.dtype);
    const normalized = mul(x, inverseRms);
    const g = mul(dy, inputOf(node, 1));
    const correction = mul(normalized, meanLast(mul(g, normalized)));
    return [mul(sub(g, correction), inverseRms), mul(dy, normalized)];
  },
};

/**
 * Divides the last axis by its root mean square, then scales (Zhang and Sennrich, 2019).
 *
 * @param x [.., hidden]
 * @param scale [hidden]
 * @param epsilon added to the mean square
 */
export function rmsNormalization(x: Value, scale: Value, epsilon: number): Value {
  return x.graph.apply1(rmsNormalizationOp, [x, scale], { axis: -1n, epsilon });
}

const batchNormalizationOp: Op = {
  type: 'BatchNormalization',
  infer: (inputs) => {
    const { dtype, shape } = required('BatchNormalization', inputs, 0);
    return [{ dtype, shape }];
  },
  vjp: ({ node, cotangents }) => {
    const dy = cotangentOf(cotangents);
    const x = inputOf(node, 0);
    const along = (perChannel: Value): Value =>
      x.shape.slice(2).reduce<Value>((value, _, at) => unsqueeze(value, at + 1), perChannel);
    const deviation = sqrt(addScalar(inputOf(node, 4), Number(node.attributes.epsilon)));
    const normalized = div(sub(x, along(inputOf(node, 3))), along(deviation));
    const others = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
    const zeros = zerosLike(inputOf(node, 3));
    return [
      mul(dy, along(div(inputOf(node, 1), deviation))),
      reduceSum(mul(dy, normalized), others, false),
      reduceSum(dy, others, false),
      zeros,
      zeros,
    ];
  },
};

/**
 * Normalises every channel (axis 1) by a mean and a variance that were collected before, then
 * scales and shifts. The statistics are not trained: their gradient is zero.
 *
 * @param x [rows, channels, ..]
 * @param channels scale, bias, mean and variance, each [channels]
 * @param epsilon added to the variance
 */
export function batchNormalization(x: Value, channels: readonly Value[], epsilon: number): Value {
  return x.graph.apply1(batchNormalizationOp, [x, ...channels], { epsilon });
}
