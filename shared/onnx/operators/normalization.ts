/** @file Rules for normalisation. */
import { positiveAxis, type Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import {
  float,
  input,
  integer,
  type Operator,
  type OperatorContext,
  type OperatorTable,
  optionalInput,
} from './operator.ts';

/** (x - mean) / std over axes. */
function standardized(x: Value, axes: readonly number[], epsilon: number): Value {
  return dividedByRoot(ops.sub(x, ops.reduceMean(x, axes)), axes, epsilon);
}

/** x / sqrt(mean of squares over axes + epsilon) */
function dividedByRoot(x: Value, axes: readonly number[], epsilon: number): Value {
  const square = ops.reduceMean(ops.mul(x, x), axes);
  return ops.div(x, ops.sqrt(ops.addScalar(square, epsilon)));
}

function hasOneOutput({ node }: OperatorContext): boolean {
  return node.output.slice(1).every((name) => name === '');
}

/** The axes from the one that is named to the last. */
function lastAxes(context: OperatorContext, x: Value): readonly number[] {
  const first = positiveAxis(integer(context, 'axis', -1), x.shape.length);
  return x.shape.map((_, axis) => axis).slice(first);
}

const layerNormalization: Operator = (context) => {
  const [x, scale, bias] = [input(context, 0), input(context, 1), optionalInput(context, 2)];
  if (!hasOneOutput(context)) return null;
  const axes = lastAxes(context, x);
  const epsilon = float(context, 'epsilon', 1e-5);
  if (axes.length === 1 && scale.shape.length === 1 && scale.shape[0] === x.shape.at(-1)) {
    if (bias === null || bias.shape.length === 1) return [ops.layerNormalization(x, scale, bias, epsilon)];
  }
  const scaled = ops.mul(standardized(x, axes, epsilon), scale);
  return [bias === null ? scaled : ops.add(scaled, bias)];
};

const rmsNormalization: Operator = (context) => {
  const [x, scale] = [input(context, 0), input(context, 1)];
  if (!hasOneOutput(context)) return null;
  const axes = lastAxes(context, x);
  const epsilon = float(context, 'epsilon', 1e-5);
  if (axes.length === 1 && scale.shape.length === 1 && scale.shape[0] === x.shape.at(-1)) {
    return [ops.rmsNormalization(x, scale, epsilon)];
  }
  return [ops.mul(dividedByRoot(x, axes, epsilon), scale)];
};

/** A number per channel beside a value whose channels are axis 1. */
function perChannel(x: Value, channels: Value): Value {
  return x.shape.slice(2).reduce<Value>((value, _, at) => ops.unsqueeze(value, at + 1), channels);
}

function scaledChannels(x: Value, scale: Value, bias: Value): Value {
  return ops.add(ops.mul(x, perChannel(x, scale)), perChannel(x, bias));
}

const batchNormalization: Operator = (context) => {
  // With statistics of the batch itself: ONNX Runtime decides whether it can.
  if (integer(context, 'training_mode', 0) === 1 || !hasOneOutput(context)) return null;
  const channels = [1, 2, 3, 4].map((index) => input(context, index));
  return [ops.batchNormalization(input(context, 0), channels, float(context, 'epsilon', 1e-5))];
};

const instanceNormalization: Operator = (context) => {
  const x = input(context, 0);
  const axes = x.shape.map((_, axis) => axis).slice(2);
  const normalized = standardized(x, axes, float(context, 'epsilon', 1e-5));
  return [scaledChannels(normalized, input(context, 1), input(context, 2))];
};

const groupNormalization: Operator = (context) => {
  const [x, scale, bias] = [input(context, 0), input(context, 1), input(context, 2)];
  const channels = x.shape[1];
  const groups = integer(context, 'num_groups', 1);
  if (typeof channels !== 'number') return null;
  const graph = x.graph;
  const rest = x.shape.slice(2);
  const each = channels / groups;
  // [N, groups, channels of each, ..]; further axes are counted, as zeros would keep others than
  // these.
  const tail = rest.map((_, at) => ops.unsqueeze(ops.sizeOfAxis(x, at + 2), 0));
  const sizes = ops.concat([graph.integers([0, groups, each]), ...tail], 0);
  const apart = ops.reshapeTo(x, sizes, [...x.shape.slice(0, 1), groups, each, ...rest]);
  const axes = apart.shape.map((_, axis) => axis).slice(2);
  const normalized = ops.reshapeLike(standardized(apart, axes, float(context, 'epsilon', 1e-5)), x);
  // Before version 21 there was a scale for every group.
  const isPerGroup = context.opset < 21;
  const ofChannels = (value: Value): Value => {
    if (!isPerGroup || each === 1) return value;
    const wide = ops.expandTo(ops.unsqueeze(value, 1), graph.integers([groups, each]), [groups, each]);
    return ops.reshape(wide, [channels]);
  };
  return [scaledChannels(normalized, ofChannels(scale), ofChannels(bias))];
};

/** Normalisation by type. */
export const normalizationOperators: OperatorTable = {
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  // ONNX Runtime's own name for it, which optimized files have.
  SimplifiedLayerNormalization: rmsNormalization,
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
};
