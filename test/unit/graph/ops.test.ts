import { describe, expect, it } from 'vitest';
import { gradients } from '../../../shared/graph/gradients.ts';
import { Graph, type Op } from '../../../shared/graph/graph.ts';
import * as ops from '../../../shared/graph/ops/index.ts';
import { multiplied, named } from '../../../shared/graph/sizes.ts';
import { createSession } from '../../../shared/runtime/session.ts';
import { checkOp } from '../../support/check-op.ts';
import {
  type ElementAt,
  elementsOf,
  filled,
  naiveErf,
  naiveProduct,
  sumOver,
} from '../../support/naive-tensor.ts';
import { oneThread } from '../../support/run-context.ts';

const positive = (x: number): number => 1.5 + x;
const awayFromZero = (x: number): number => (x >= 0 ? x + 0.1 : x - 0.1);
const softmaxOf = (row: Float64Array): number[] => {
  const exponentials = [...row].map(Math.exp);
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((e) => e / sum);
};

const rowsOf = (x: Float64Array, width: number): number[][] =>
  Array.from({ length: x.length / width }, (_, row) => [...x.slice(row * width, (row + 1) * width)]);
const normalized = (row: readonly number[], scale: Float64Array, bias: Float64Array): number[] => {
  const mean = sumOver(row.length, (i) => row[i] ?? 0) / row.length;
  const variance = sumOver(row.length, (i) => ((row[i] ?? 0) - mean) ** 2) / row.length;
  return row.map((v, i) => ((v - mean) / Math.sqrt(variance + 1e-5)) * (scale[i] ?? 0) + (bias[i] ?? 0));
};

describe('element-wise ops agree with JavaScript and with finite differences', () => {
  it('add', () =>
    checkOp({
      shapes: [
        [2, 3],
        [2, 3],
      ],
      build: ops.add,
      reference: (a, b) => a.map((x, i) => x + (b[i] ?? 0)),
    }));
  it('add with broadcasting on both sides', () =>
    checkOp({
      shapes: [
        [2, 1, 3],
        [4, 1],
      ],
      build: ops.add,
      reference: (a, b) => filled([2, 4, 3], (i, j, k) => elementsOf(a, [2, 1, 3])(i, 0, k) + (b[j] ?? 0)),
    }));
  it('sub', () =>
    checkOp({
      shapes: [[2, 3], [3]],
      build: ops.sub,
      reference: (a, b) => a.map((x, i) => x - (b[i % 3] ?? 0)),
    }));
  it('mul', () =>
    checkOp({
      shapes: [
        [2, 3],
        [2, 1],
      ],
      build: ops.mul,
      reference: (a, b) => a.map((x, i) => x * (b[Math.floor(i / 3)] ?? 0)),
    }));
  it('mul of a value with itself', () =>
    checkOp({ shapes: [[3]], build: (x) => ops.mul(x, x), reference: (x) => x.map((v) => v * v) }));
  it('div', () =>
    checkOp({
      shapes: [[2, 3], [3]],
      build: ops.div,
      domain: positive,
      reference: (a, b) => a.map((x, i) => x / (b[i % 3] ?? 0)),
    }));
  it('neg', () => checkOp({ shapes: [[4]], build: ops.neg, reference: (x) => x.map((v) => -v) }));
  it('exp', () => checkOp({ shapes: [[4]], build: ops.exp, reference: (x) => x.map(Math.exp) }));
  it('log', () =>
    checkOp({ shapes: [[4]], build: ops.log, domain: positive, reference: (x) => x.map(Math.log) }));
  it('sqrt', () =>
    checkOp({ shapes: [[4]], build: ops.sqrt, domain: positive, reference: (x) => x.map(Math.sqrt) }));
  it('cos', () =>
    checkOp({ shapes: [[4]], build: ops.cos, dtype: 'float32', reference: (x) => x.map(Math.cos) }));
  it('sin', () =>
    checkOp({ shapes: [[4]], build: ops.sin, dtype: 'float32', reference: (x) => x.map(Math.sin) }));
  it('unsqueeze', () =>
    checkOp({ shapes: [[2, 3]], build: (x) => ops.unsqueeze(x, 1), reference: (x) => x }));
  it('max and min', () =>
    checkOp({
      shapes: [[2, 3], [3]],
      build: (a, b) => ops.min(ops.max(a, b), a.graph.scalar(0.4, 'float64')),
      reference: (a, b) => a.map((x, i) => Math.min(Math.max(x, b[i % 3] ?? 0), 0.4)),
    }));
  it('abs', () =>
    checkOp({ shapes: [[4]], build: ops.abs, domain: awayFromZero, reference: (x) => x.map(Math.abs) }));
  it('pow', () =>
    checkOp({
      shapes: [[4]],
      build: (x) => ops.pow(x, x.graph.scalar(3, 'float64')),
      reference: (x) => x.map((v) => v ** 3),
    }));
  it('where', () =>
    checkOp({
      shapes: [[2, 3], [3]],
      build: (a, b) => ops.where(a.graph.constant(Uint8Array.of(1, 0, 1), [3]), a, b),
      reference: (a, b) => a.map((x, i) => (i % 3 === 1 ? (b[1] ?? 0) : x)),
    }));
});

describe('activations agree with finite differences', () => {
  it('erf', () =>
    checkOp({ shapes: [[5]], build: ops.erf, dtype: 'float32', reference: (x) => x.map(naiveErf) }));
  it('gelu', () =>
    checkOp({
      shapes: [[5]],
      build: ops.gelu,
      dtype: 'float32',
      reference: (x) => x.map((v) => (v * (1 + naiveErf(v / Math.SQRT2))) / 2),
    }));
  it('relu', () =>
    checkOp({
      shapes: [[5]],
      build: ops.relu,
      domain: awayFromZero,
      reference: (x) => x.map((v) => Math.max(v, 0)),
    }));
  it('tanh', () => checkOp({ shapes: [[5]], build: ops.tanh, reference: (x) => x.map(Math.tanh) }));
  it('sigmoid', () =>
    checkOp({ shapes: [[5]], build: ops.sigmoid, reference: (x) => x.map((v) => 1 / (1 + Math.exp(-v))) }));
  it('softplus', () =>
    checkOp({
      shapes: [[5]],
      build: ops.softplus,
      dtype: 'float32',
      reference: (x) => x.map((v) => Math.log1p(Math.exp(v))),
    }));
  it('softmax', () => checkOp({ shapes: [[1, 5]], build: ops.softmax, reference: (x) => softmaxOf(x) }));
  it('softmax over the last of three axes', () =>
    checkOp({
      shapes: [[2, 2, 3]],
      build: ops.softmax,
      reference: (x) => [0, 3, 6, 9].flatMap((start) => softmaxOf(x.slice(start, start + 3))),
    }));
  it('logSoftmax', () =>
    checkOp({ shapes: [[1, 5]], build: ops.logSoftmax, reference: (x) => softmaxOf(x).map(Math.log) }));
});

describe('matrix products agree with finite differences', () => {
  it('matMul', () =>
    checkOp({
      shapes: [
        [2, 3],
        [3, 4],
      ],
      build: ops.matMul,
      reference: (a, b) => filled([2, 4], naiveProduct(elementsOf(a, [2, 3]), elementsOf(b, [3, 4]), 3)),
    }));
  it('matMul over batches', () =>
    checkOp({
      shapes: [
        [2, 2, 3, 2],
        [2, 2, 2, 3],
      ],
      build: ops.matMul,
      reference: (a, b) => {
        const [left, right] = [elementsOf(a, [2, 2, 3, 2]), elementsOf(b, [2, 2, 2, 3])];
        return filled([2, 2, 3, 3], (i, j, m, n) => sumOver(2, (k) => left(i, j, m, k) * right(i, j, k, n)));
      },
    }));
  it('matMul with a broadcast right side', () =>
    checkOp({
      shapes: [
        [2, 3, 2],
        [2, 4],
      ],
      build: ops.matMul,
      reference: (a, b) => filled([6, 4], naiveProduct(elementsOf(a, [6, 2]), elementsOf(b, [2, 4]), 2)),
    }));
  for (const transA of [false, true]) {
    for (const transB of [false, true]) {
      it(`gemm with transA ${transA} and transB ${transB}`, () =>
        checkOp({
          shapes: [transA ? [3, 2] : [2, 3], transB ? [4, 3] : [3, 4], [4]],
          build: (a, b, bias) => ops.gemm(a, b, { transA, transB, bias }),
          reference: (a, b, bias) => {
            const left: ElementAt = (m, k) =>
              transA ? elementsOf(a, [3, 2])(k, m) : elementsOf(a, [2, 3])(m, k);
            const right: ElementAt = (k, n) =>
              transB ? elementsOf(b, [4, 3])(n, k) : elementsOf(b, [3, 4])(k, n);
            const product = naiveProduct(left, right, 3);
            return filled([2, 4], (m, n) => product(m, n) + (bias[n] ?? 0));
          },
        }));
    }
  }
  it('linear without a bias', () =>
    checkOp({
      shapes: [
        [2, 3],
        [4, 3],
      ],
      build: (x, w) => ops.linear(x, w, null),
      reference: (x, w) =>
        filled([2, 4], (m, n) =>
          sumOver(3, (k) => elementsOf(x, [2, 3])(m, k) * elementsOf(w, [4, 3])(n, k)),
        ),
    }));
});

describe('shape ops agree with finite differences', () => {
  it('reshape', () =>
    checkOp({ shapes: [[2, 6]], build: (x) => ops.reshape(x, [3, 4]), reference: (x) => x }));
  it('transpose', () =>
    checkOp({
      shapes: [[2, 3, 4]],
      build: (x) => ops.transpose(x, [2, 0, 1]),
      reference: (x) => filled([4, 2, 3], (i, j, k) => elementsOf(x, [2, 3, 4])(j, k, i)),
    }));
  it('slice', () =>
    checkOp({
      shapes: [[2, 5]],
      build: (x) => ops.slice(x, 1, 1, 4),
      reference: (x) => [...x.slice(1, 4), ...x.slice(6, 9)],
    }));
  it('concat', () =>
    checkOp({
      shapes: [
        [2, 2],
        [2, 3],
      ],
      build: (a, b) => ops.concat([a, b], 1),
      reference: (a, b) => [...a.slice(0, 2), ...b.slice(0, 3), ...a.slice(2), ...b.slice(3)],
    }));
  it('padAxis, more before and fewer after', () =>
    checkOp({
      shapes: [[2, 3]],
      build: (x) => ops.padAxis(x, 1, x.graph.integers([2]), x.graph.integers([-1]), 4),
      reference: ([a = 0, b = 0, , c = 0, d = 0]) => [0, 0, a, b, 0, 0, c, d],
    }));
  it('shift towards the end', () =>
    checkOp({
      shapes: [[1, 3, 2]],
      build: (x) => ops.shift(x, 1, 1),
      reference: (x) => [0, 0, ...x.slice(0, 4)],
    }));
  it('shift towards the beginning, by more than there is', () =>
    checkOp({ shapes: [[2, 1]], build: (x) => ops.shift(x, 1, -2), reference: () => [0, 0] }));
  it('cast', () =>
    checkOp({
      shapes: [[3]],
      dtype: 'float32',
      build: (x) => ops.cast(ops.cast(x, 'float64'), 'float32'),
      reference: (x) => x,
    }));
});

describe('reductions agree with finite differences', () => {
  it('reduceSum', () =>
    checkOp({
      shapes: [[2, 3, 2]],
      build: (x) => ops.reduceSum(x, [1], true),
      reference: (x) => filled([2, 2], (i, k) => sumOver(3, (j) => elementsOf(x, [2, 3, 2])(i, j, k))),
    }));
  it('reduceMean', () =>
    checkOp({
      shapes: [[2, 3, 2]],
      build: (x) => ops.squeeze(ops.reduceMean(x, [0, 2]), [0, 2]),
      reference: (x) => filled([3], (j) => sumOver(4, (n) => elementsOf(x, [2, 3, 2])(n >> 1, j, n % 2)) / 4),
    }));
  it('triangle', () =>
    checkOp({
      shapes: [[2, 3, 3]],
      build: (x) => ops.triangle(x, false, -1),
      reference: (x) =>
        filled([2, 3, 3], (i, row, column) => (column < row ? elementsOf(x, [2, 3, 3])(i, row, column) : 0)),
    }));
  it('triangle above a diagonal', () =>
    checkOp({
      shapes: [[3, 4]],
      build: (x) => ops.triangle(x, true, 1),
      reference: (x) =>
        filled([3, 4], (row, column) => (column > row ? elementsOf(x, [3, 4])(row, column) : 0)),
    }));
  it('sumAll', () =>
    checkOp({ shapes: [[2, 3]], build: ops.sumAll, reference: (x) => [x.reduce((a, b) => a + b, 0)] }));
  it('meanLast', () =>
    checkOp({
      shapes: [[2, 4]],
      build: ops.meanLast,
      reference: (x) => filled([2], (i) => sumOver(4, (j) => elementsOf(x, [2, 4])(i, j)) / 4),
    }));
  it('meanAll', () =>
    checkOp({ shapes: [[2, 4]], build: ops.meanAll, reference: (x) => [x.reduce((a, b) => a + b, 0) / 8] }));
});

describe('normalisation and indexing agree with finite differences', () => {
  it('layerNormalization', () =>
    checkOp({
      shapes: [[3, 6], [6], [6]],
      build: (x, scale, bias) => ops.layerNormalization(x, scale, bias, 1e-5),
      reference: (x, scale, bias) => rowsOf(x, 6).flatMap((row) => normalized(row, scale, bias)),
    }));
  it('layerNormalization without a bias', () =>
    checkOp({
      shapes: [[3, 6], [6]],
      build: (x, scale) => ops.layerNormalization(x, scale, null, 1e-5),
      reference: (x, scale) => rowsOf(x, 6).flatMap((row) => normalized(row, scale, new Float64Array(6))),
    }));
  it('rmsNormalization', () =>
    checkOp({
      shapes: [[3, 6], [6]],
      build: (x, scale) => ops.rmsNormalization(x, scale, 1e-6),
      reference: (x, scale) =>
        rowsOf(x, 6).flatMap((row) => {
          const rms = Math.sqrt(sumOver(6, (i) => (row[i] ?? 0) ** 2) / 6 + 1e-6);
          return row.map((value, i) => (value / rms) * (scale[i] ?? 0));
        }),
    }));
  it('gather, with an index used twice', () =>
    checkOp({
      shapes: [[4, 3]],
      build: (table) => ops.gather(table, table.graph.constant(Int32Array.of(2, 0, 2, 3), [2, 2])),
      reference: (table) => [2, 0, 2, 3].flatMap((row) => rowsOf(table, 3)[row] ?? []),
    }));
  it('gather of slices along a later axis', () =>
    checkOp({
      shapes: [[2, 4, 3]],
      build: (x) => ops.gather(x, x.graph.constant(Int32Array.of(2, 0, 2), [3]), 1),
      reference: (x) => filled([2, 3, 3], (i, j, k) => elementsOf(x, [2, 4, 3])(i, [2, 0, 2][j] ?? 0, k)),
    }));
  it('gather of one slice', () =>
    checkOp({
      shapes: [[2, 4, 3]],
      build: (x) => ops.gather(x, x.graph.scalar(3, 'int64'), 1),
      reference: (x) => [...x.slice(9, 12), ...x.slice(21, 24)],
    }));
  it('gatherLast', () =>
    checkOp({
      shapes: [[3, 4]],
      build: (x) => ops.gatherLast(x, x.graph.constant(Int32Array.of(1, 0, 3), [3, 1])),
      reference: (x) => [x[1] ?? 0, x[4] ?? 0, x[11] ?? 0],
    }));
});

describe('symbolic sizes', () => {
  it('reshapes, slices and differentiates with sizes known only at run time', async () => {
    const graph = new Graph();
    const [batchSize, length] = [named('batch'), named('seq')];
    const allRows = multiplied([batchSize, length]);
    const x = graph.input('x', 'float32', ['batch', 'seq', 4]);
    const rows = ops.reshape(x, [allRows, 4]);
    const heads = ops.transpose(ops.reshape(rows, [batchSize, length, 2, 2]), [0, 2, 1, 3]);
    const back = ops.reshape(ops.transpose(heads, [0, 2, 1, 3]), [allRows, 4]);
    const first = ops.slice(ops.reshape(back, [batchSize, length, 4]), 1, 0, 1);
    const loss = ops.sumAll(ops.mul(first, first));
    graph.output('gradient', gradients(loss, [x])[0] ?? x);
    const session = await createSession(graph, oneThread);
    for (const [batch, seq] of [
      [2, 3],
      [1, 5],
    ] as const) {
      const data = Float32Array.from({ length: batch * seq * 4 }, (_, i) => i);
      const result = await session.run(new Map([['x', { shape: [batch, seq, 4], data }]]));
      const expected = data.map((value, i) => (Math.floor(i / 4) % seq === 0 ? 2 * value : 0));
      expect(result.get('gradient')?.data).toEqual(expected);
    }
    await session.dispose();
  });
});

describe('dropout', () => {
  const build = (seed: number, probability: number) => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['n']);
    const y = ops.dropout(x, probability, seed);
    graph.output('y', y);
    graph.output('gradient', gradients(ops.sumAll(y), [x])[0] ?? x);
    return createSession(graph, oneThread);
  };
  const ones = new Map([['x', { shape: [10_000], data: new Float32Array(10_000).fill(1) }]]);

  it('keeps the mean, scales what it keeps, and passes gradients only there', async () => {
    const session = await build(1, 0.25);
    const result = await session.run(ones);
    const y = result.get('y')?.data as Float32Array;
    const kept = y.filter((value) => value !== 0);
    expect(kept.every((value) => Math.abs(value - 4 / 3) < 1e-6)).toBe(true);
    expect(Math.abs(kept.length / 10_000 - 0.75)).toBeLessThan(0.02);
    expect(result.get('gradient')?.data).toEqual(y);
  });

  it('draws the same masks from the same seed, others from another, and new ones at every run', async () => {
    const first = await build(1, 0.5);
    const same = await build(1, 0.5);
    const other = await build(2, 0.5);
    const y1 = (await first.run(ones)).get('y')?.data;
    expect((await same.run(ones)).get('y')?.data).toEqual(y1);
    expect((await other.run(ones)).get('y')?.data).not.toEqual(y1);
    expect((await first.run(ones)).get('y')?.data).not.toEqual(y1);
  });

  it('refuses a probability of 1', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [2]);
    expect(() => ops.dropout(x, 1, 0)).toThrow('dropout: probability must be in [0, 1), got 1');
  });
});

describe('errors name what is wrong', () => {
  it('every op without a gradient rule', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [2]);
    const round: Op = { type: 'Round', infer: () => [{ dtype: 'float32', shape: [2] }] };
    const loss = ops.sumAll(ops.cumSum(graph.apply1(round, [graph.apply1(round, [x])]), 0));
    expect(() => gradients(loss, [x])).toThrow(
      'CumSum (CumSum); Round (Round, Round_3) have no gradient rules',
    );
  });

  it('shapes that do not fit', () => {
    const graph = new Graph();
    const a = graph.input('a', 'float32', [2, 3]);
    const b = graph.input('b', 'float32', [4, 5]);
    expect(() => ops.matMul(a, b)).toThrow('inner sizes must be equal, got 3 and 4');
    expect(() => ops.add(a, b)).toThrow('shapes must broadcast, got [2, 3] and [4, 5]');
    expect(() => ops.reshape(a, [7])).toThrow('reshape: a must keep its 6 elements, got [2, 3] to [7]');
  });

  it('a run without an input, or with one of another shape', async () => {
    const graph = new Graph();
    graph.output('y', ops.neg(graph.input('x', 'float32', ['n', 2])));
    const session = await createSession(graph, oneThread);
    await expect(session.run(new Map())).rejects.toThrow('run: input x is missing');
    await expect(session.run(new Map([['x', { shape: [3, 1], data: new Float32Array(3) }]]))).rejects.toThrow(
      'run: x must be [n, 2], got [3, 1]',
    );
    await session.dispose();
  });
});
