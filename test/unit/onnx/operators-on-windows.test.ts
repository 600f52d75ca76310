import { describe, it } from 'vitest';
import type { OnnxNode, OnnxTensor } from '../../../shared/graph/onnx-schema.ts';
import { floats, longs, node } from '../../support/onnx-network.ts';
import {
  axis1,
  checkOperator,
  expectOnnxRuntimesLogits,
  expectSlopes,
  mean,
  modelOf,
  type OperatorCase,
} from '../../support/operator-cases.ts';

const weights = (name: string, dims: readonly number[], shift = 0): OnnxTensor =>
  floats(
    name,
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, at) => Math.sin(3 * at + shift)),
  );

/** Channels before tokens, as PyTorch's modules want them, and back. */
const channelsFirst = node('Transpose', ['x'], ['c'], { perm: [0, 2, 1] });
const back = (from: string): OnnxNode[] => [node('Transpose', [from], ['y'], { perm: [0, 2, 1] }), mean('y')];

/** What comes of `c`, [batch, 4, tokens]. */
function onChannels(
  type: string,
  inputs: readonly OnnxTensor[],
  attributes: Parameters<typeof node>[3] = {},
  opset = 18,
): OperatorCase {
  const names = ['c', ...inputs.map(({ name = '' }) => name)];
  return {
    nodes: [
      channelsFirst,
      node(type, names, ['d'], attributes),
      node('Mul', ['d', 'd'], ['e']),
      ...back('e'),
    ],
    initializers: [axis1, ...inputs],
    opset,
  };
}

const scales = [weights('scale', [4], 1), weights('shift', [4], 2)];

const cases: Readonly<Record<string, OperatorCase>> = {
  'Conv over tokens': onChannels('Conv', [weights('kernel', [3, 4, 3]), weights('bias', [3], 1)]),
  'Conv with padding and dilation': onChannels('Conv', [weights('kernel', [2, 4, 2])], {
    pads: [2, 1],
    dilations: [2],
  }),
  'Conv with steps': onChannels('Conv', [weights('kernel', [2, 4, 2])], { strides: [2], pads: [1, 0] }),
  'Conv of every channel by itself, as long as before': onChannels('Conv', [weights('kernel', [4, 1, 4])], {
    group: 4,
    auto_pad: 'SAME_UPPER',
  }),
  'Conv of one token': onChannels('Conv', [weights('kernel', [5, 4, 1])]),
  'Conv of rows as wide as the embedding': {
    nodes: [
      node('Unsqueeze', ['x', 'axis1'], ['image']),
      node('Conv', ['image', 'kernel', 'bias'], ['d'], { kernel_shape: [2, 4] }),
      node('Relu', ['d'], ['r']),
      node('Squeeze', ['r', 'axis3'], ['s']),
      node('ReduceMax', ['s', 'axis2'], ['logits'], { keepdims: 0 }),
    ],
    initializers: [
      axis1,
      longs('axis2', [2]),
      longs('axis3', [3]),
      weights('kernel', [3, 1, 2, 4]),
      weights('bias', [3], 1),
    ],
  },
  MaxPool: onChannels('MaxPool', [], { kernel_shape: [2], strides: [2] }),
  'AveragePool that counts padding': onChannels('AveragePool', [], {
    kernel_shape: [3],
    pads: [1, 1],
    count_include_pad: 1,
  }),
  GlobalMaxPool: onChannels('GlobalMaxPool', []),
  GlobalAveragePool: onChannels('GlobalAveragePool', []),
  InstanceNormalization: onChannels('InstanceNormalization', scales, { epsilon: { f: 0.01 } }),
  'GroupNormalization of version 18, scaled by group': onChannels(
    'GroupNormalization',
    [weights('scale', [2], 1), weights('shift', [2], 2)],
    { num_groups: 2, epsilon: { f: 0.01 } },
  ),
  'GroupNormalization of version 21, scaled by channel': onChannels(
    'GroupNormalization',
    scales,
    { num_groups: 2, epsilon: { f: 0.01 } },
    21,
  ),
  'LayerNormalization of two axes': {
    nodes: [
      node('Reshape', ['x', 'pairs'], ['p']),
      node('LayerNormalization', ['p', 'scale', 'shift'], ['n'], { axis: -2, epsilon: { f: 0.01 } }),
      node('Reshape', ['n', 'joined'], ['y']),
      mean('y'),
    ],
    initializers: [
      axis1,
      longs('pairs', [0, 0, 2, 2]),
      longs('joined', [0, 0, 4]),
      weights('scale', [2, 2], 1),
      weights('shift', [2, 2], 2),
    ],
  },
  'RMSNormalization of version 23': {
    nodes: [node('RMSNormalization', ['x', 'scale'], ['y'], { epsilon: { f: 0.01 } }), mean('y')],
    initializers: [axis1, weights('scale', [4], 1)],
    opset: 23,
  },
  'RMSNormalization of tokens and columns': {
    nodes: [node('RMSNormalization', ['x', 'scale'], ['y'], { axis: 1, epsilon: { f: 0.01 } }), mean('y')],
    initializers: [axis1, weights('scale', [4], 1)],
    opset: 23,
  },
};

describe('convolution, pooling and normalisation give ONNX Runtime’s results and the slope of finite differences', () => {
  it.each(Object.entries(cases))('%s', (_, operatorCase) => checkOperator(operatorCase));
});

it('BatchNormalization gives ONNX Runtime’s results, and its statistics stay as they are', async () => {
  const statistics = [weights('mean', [4], 3), floats('variance', [4], [0.5, 1, 2, 3])];
  const { model, bytes } = await modelOf(onChannels('BatchNormalization', [...scales, ...statistics]));
  await expectOnnxRuntimesLogits({ model, bytes });
  await expectSlopes(model, ['table', 'scale', 'shift']);
});
