/**
 * @file Ops that networks from ONNX files are read into, beside those of the project's own models.
 */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../../shared/graph/gradients.ts';
import { Graph, type Value } from '../../../shared/graph/graph.ts';
import * as ops from '../../../shared/graph/ops/index.ts';
import { createSession } from '../../../shared/runtime/session.ts';
import { checkOp } from '../../support/check-op.ts';
import { elementsOf, filled } from '../../support/naive-tensor.ts';
import { oneThread } from '../../support/run-context.ts';

interface Window {
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly pads?: readonly number[];
  readonly group?: number;
}

const one = { strides: [1], dilations: [1], pads: [0, 0], group: 1 };

/** A convolution whose kernel has as many elements as its second input says. */
function convolved(options: Window): (x: Value, weight: Value, bias?: Value) => Value {
  return (x, weight, bias) => {
    const full = { ...one, ...options };
    const sizes = full.strides.map((stride, at) => {
      const reach = (full.dilations[at] ?? 1) * (Number(weight.shape[at + 2]) - 1) + 1;
      const padded =
        Number(x.shape[at + 2]) + (full.pads[at] ?? 0) + (full.pads[at + full.strides.length] ?? 0);
      return Math.floor((padded - reach) / stride) + 1;
    });
    return ops.convolution(x, weight, bias ?? null, sizes, full);
  };
}

/** The sum over channels and kernel, element by element, of one or two axes. */
function naiveConvolution(shapes: readonly number[][], options: Window) {
  const { strides, dilations, pads, group } = { ...one, ...options };
  const [input = [], kernel = []] = shapes;
  const axes = input.length - 2;
  const step = (at: number): number => strides[at] ?? 1;
  const spread = (at: number): number => dilations[at] ?? 1;
  const outputs = strides.map((_, at) => {
    const reach = spread(at) * ((kernel[at + 2] ?? 1) - 1) + 1;
    const padded = (input[at + 2] ?? 0) + (pads[at] ?? 0) + (pads[at + axes] ?? 0);
    return Math.floor((padded - reach) / step(at)) + 1;
  });
  const [filters = 0, channels = 0, ...window] = kernel;
  return (x: Float64Array, weight: Float64Array, bias?: Float64Array): number[] => {
    const [from, by] = [elementsOf(x, input), elementsOf(weight, kernel)];
    return filled([input[0] ?? 0, filters, ...outputs], (n = 0, filter = 0, ...to) => {
      const first = Math.floor(filter / (filters / group)) * channels;
      const products = filled([channels, ...window], (channel = 0, ...k) => {
        const place = k.map((own, at) => (to[at] ?? 0) * step(at) + own * spread(at) - (pads[at] ?? 0));
        return from(n, first + channel, ...place) * by(filter, channel, ...k);
      });
      return products.reduce((sum, product) => sum + product, bias?.[filter] ?? 0);
    });
  };
}

describe('convolution agrees with finite differences, in input, kernel and bias', () => {
  const dtype = 'float32';
  it.each<[string, number[][], Window]>([
    ['of one axis', [[2, 3, 6], [4, 3, 3], [4]], {}],
    [
      'padded differently at both ends',
      [
        [2, 3, 5],
        [2, 3, 4],
      ],
      { pads: [3, 1] },
    ],
    [
      'padded by more than the kernel reaches',
      [
        [1, 2, 4],
        [2, 2, 2],
      ],
      { pads: [2, 3] },
    ],
    [
      'with steps, the last elements left over',
      [
        [2, 2, 8],
        [3, 2, 3],
      ],
      { strides: [2] },
    ],
    [
      'with steps, padding and dilation',
      [[2, 2, 9], [3, 2, 3], [3]],
      { strides: [3], pads: [2, 1], dilations: [2] },
    ],
    [
      'in groups',
      [
        [2, 4, 5],
        [6, 2, 3],
      ],
      { group: 2, pads: [1, 1] },
    ],
    [
      'of every channel by itself, with steps',
      [
        [2, 3, 7],
        [3, 1, 3],
      ],
      { group: 3, strides: [2] },
    ],
    [
      'of two axes',
      [[2, 2, 5, 4], [3, 2, 3, 2], [3]],
      { strides: [2, 1], dilations: [1, 2], pads: [1, 0, 1, 1] },
    ],
  ])('%s', (_, shapes, options) =>
    checkOp({ shapes, build: convolved(options), dtype, reference: naiveConvolution(shapes, options) }),
  );

  it('gives sums of products', () =>
    checkOp({
      shapes: [
        [1, 1, 4],
        [1, 1, 2],
      ],
      build: convolved({}),
      dtype,
      reference: (x, w) => [0, 1, 2].map((at) => (x[at] ?? 0) * (w[0] ?? 0) + (x[at + 1] ?? 0) * (w[1] ?? 0)),
    }));
});

describe('pooling and extremes agree with finite differences', () => {
  it('maxPool with overlapping windows', () =>
    checkOp({
      shapes: [[2, 3, 7]],
      dtype: 'float32',
      build: (x) => ops.maxPool(x, [3], { kernel_shape: [3n], strides: [2n] }),
      reference: (x) =>
        filled([2, 3, 3], (n, channel, to) =>
          Math.max(...[0, 1, 2].map((k) => elementsOf(x, [2, 3, 7])(n, channel, 2 * to + k))),
        ),
    }));
  it('reduceMax and reduceMin', () =>
    checkOp({
      shapes: [[2, 3, 4]],
      dtype: 'float32',
      build: (x) => ops.add(ops.reduceMax(x, [1]), ops.reduceMin(x, [1, 2])),
      reference: (x) =>
        filled([2, 4], (i, k) => {
          const largest = Math.max(...[0, 1, 2].map((j) => elementsOf(x, [2, 3, 4])(i, j, k)));
          return largest + Math.min(...x.slice(12 * i, 12 * i + 12));
        }),
    }));
  it('reduceMax gives equal elements equal parts of the gradient', async () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [1, 4]);
    const [dx] = gradients(ops.sumAll(ops.reduceMax(x, [1])), [x]);
    graph.output('dx', dx as Value);
    const session = await createSession(graph, oneThread);
    const feeds = new Map([['x', { shape: [1, 4], data: Float32Array.of(3, 1, 3, 2) }]]);
    expect((await session.run(feeds)).get('dx')?.data).toEqual(Float32Array.of(0.5, 0, 0.5, 0));
    await session.dispose();
  });
  it('topK of a middle axis', () =>
    checkOp({
      shapes: [[2, 5, 2]],
      build: (x) => ops.topK(x, x.graph.integers([2]), 1, 2, { largest: true, sorted: true })[0] as Value,
      reference: (x) =>
        filled([2, 2, 2], (i, rank, k) => {
          const column = [0, 1, 2, 3, 4].map((j) => elementsOf(x, [2, 5, 2])(i, j, k));
          return column.sort((a, b) => b - a)[rank] ?? 0;
        }),
    }));
});

describe('ops that move elements agree with finite differences', () => {
  it('flatten', () => checkOp({ shapes: [[2, 3, 2]], build: (x) => ops.flatten(x, 2), reference: (x) => x }));
  it('gatherElements of the first axis, some twice', () =>
    checkOp({
      shapes: [[3, 2]],
      build: (x) => ops.gatherElements(x, x.graph.constant(BigInt64Array.of(2n, 0n, 2n, 1n), [2, 2]), 0),
      reference: (x) => [x[4] ?? 0, x[1] ?? 0, x[4] ?? 0, x[3] ?? 0],
    }));
  it('gatherNd of slices, one twice', () =>
    checkOp({
      shapes: [[2, 3, 2]],
      build: (x) => ops.gatherNd(x, x.graph.constant(BigInt64Array.of(1n, 2n, 0n, 0n, 1n, 2n), [3, 2])),
      reference: (x) => [10, 11, 0, 1, 10, 11].map((at) => x[at] ?? 0),
    }));
  it('scatterElements', () =>
    checkOp({
      shapes: [
        [3, 2],
        [2, 2],
      ],
      build: (x, updates) =>
        ops.scatterElements(x, x.graph.constant(BigInt64Array.of(2n, 0n, 1n, 1n), [2, 2]), updates, 0),
      reference: (x, u) => [x[0] ?? 0, u[1] ?? 0, u[2] ?? 0, u[3] ?? 0, u[0] ?? 0, x[5] ?? 0],
    }));
  it('scatterNd of slices', () =>
    checkOp({
      shapes: [
        [3, 2],
        [1, 2],
      ],
      build: (x, updates) => ops.scatterNd(x, x.graph.constant(BigInt64Array.of(1n), [1, 1]), updates),
      reference: (x, u) => [x[0] ?? 0, x[1] ?? 0, u[0] ?? 0, u[1] ?? 0, x[4] ?? 0, x[5] ?? 0],
    }));
});

it('batchNormalization has gradients in input, scale and shift, and none in its statistics', async () => {
  const statistics = (graph: Graph): Value[] => [
    graph.constant(Float32Array.of(0.2, -0.1, 0.4), [3]),
    graph.constant(Float32Array.of(0.5, 1, 2), [3]),
  ];
  await checkOp({
    shapes: [[2, 3, 4], [3], [3]],
    dtype: 'float32',
    build: (x, scale, bias) => ops.batchNormalization(x, [scale, bias, ...statistics(x.graph)], 1e-5),
    reference: (x, scale, bias) =>
      filled([2, 3, 4], (i, channel, k) => {
        const deviation = elementsOf(x, [2, 3, 4])(i, channel, k) - ([0.2, -0.1, 0.4][channel] ?? 0);
        const normalized = deviation / Math.sqrt(([0.5, 1, 2][channel] ?? 0) + 1e-5);
        return normalized * (scale[channel] ?? 0) + (bias[channel] ?? 0);
      }),
  });
  const graph = new Graph();
  const inputs = ['x', 'scale', 'bias', 'mean', 'variance'].map((name) =>
    graph.input(name, 'float32', name === 'x' ? [2, 3] : [3]),
  );
  const [x, ...channels] = inputs as [Value, ...Value[]];
  const found = gradients(ops.sumAll(ops.batchNormalization(x, channels, 1e-5)), inputs.slice(3));
  for (const [at, gradient] of found.entries()) graph.output(`d${at}`, gradient);
  const session = await createSession(graph, oneThread);
  const results = await session.run(
    new Map(
      inputs.map(({ name, shape }) => {
        const data = Float32Array.from({ length: name === 'x' ? 6 : 3 }, (_, at) => at + 1);
        return [name, { shape: shape.map(Number), data }];
      }),
    ),
  );
  expect(results.get('d0')?.data).toEqual(new Float32Array(3));
  expect(results.get('d1')?.data).toEqual(new Float32Array(3));
  await session.dispose();
});
