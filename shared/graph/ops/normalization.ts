/** @file Layer normalisation, with and without the mean. */
import type { Dim, Op, Value } from '../graph.ts';
import { cotangentOf, inputOf, outputOf, required, requireSameDim } from './checks.ts';
import { add, mul, sub } from './elementwise.ts';
import { meanLast } from './reduce.ts';
import { cast } from './shape.ts';

const layerNormalizationOp: Op = {
  type: 'LayerNormalization',
  infer: (inputs) => {
    const x = required('LayerNormalization', inputs, 0);
    const scale = required('LayerNormalization', inputs, 1);
    requireSameDim(`LayerNormalization of ${x.name}`, 'hidden sizes', x.shape.at(-1), scale.shape[0]);
    const perRow = x.shape.map((dim, axis): Dim => (axis === x.shape.length - 1 ? 1 : dim));
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
    requireSameDim(`RMS normalisation of ${x.name}`, 'hidden sizes', x.shape.at(-1), scale.shape[0]);
    const perRow = x.shape.map((dim, axis): Dim => (axis === x.shape.length - 1 ? 1 : dim));
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
