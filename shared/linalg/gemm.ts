/**
 * @file Matrix products by ONNX Runtime, accumulated in place: C <- C + alpha op(A) op(B), in
 *   float64 or float32. One small graph with symbolic sizes per combination of type, alpha and
 *   transposes, prepared at its first use.
 */

import { RegmeanError } from '../errors.ts';
import { Graph, type Op } from '../graph/graph.ts';
import type { Compute } from '../runtime/compute.ts';
import { createSession, type RunTensor, type Session } from '../runtime/session.ts';
import { type AnyMatrix, type Matrix, zeros } from './matrix.ts';

/** What is done with the operands of a product. */
export interface ProductOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** 1 adds the product to C (the default), -1 subtracts it. */
  readonly alpha?: 1 | -1;
}

/** Matrix products that share prepared sessions. Dispose of it to give their memory back. */
export interface Gemm {
  /**
   * C <- C + alpha op(A) op(B), in place; all three of one type.
   *
   * @throws RegmeanError `invalid-input` when the sizes do not fit
   */
  accumulate<Data extends Float32Array | Float64Array>(
    a: AnyMatrix<Data>,
    b: AnyMatrix<Data>,
    c: AnyMatrix<Data>,
    options?: ProductOptions,
  ): Promise<void>;
  dispose(): Promise<void>;
}

/** A B */
export async function matrixProduct(gemm: Gemm, a: Matrix, b: Matrix): Promise<Matrix> {
  const result = zeros(a.rows, b.columns);
  await gemm.accumulate(a, b, result);
  return result;
}

type FloatType = 'float32' | 'float64';

/** Prepares matrix products. */
export function createGemm(compute: Compute): Gemm {
  const sessions = new Map<string, Promise<Session>>();
  const sessionOf = (dtype: FloatType, gemm: Required<ProductOptions>): Promise<Session> => {
    const key = `${dtype} ${gemm.transA} ${gemm.transB} ${gemm.alpha}`;
    // Between two products other work is done.
    const session = sessions.get(key) ?? createSession(gemmGraph(dtype, gemm), { ...compute, idle: 'sleep' });
    sessions.set(key, session);
    return session;
  };
  return {
    async accumulate(a, b, c, { transA = false, transB = false, alpha = 1 } = {}) {
      requireFit(a, b, c, transA, transB);
      if (c.data.length === 0 || a.data.length === 0) return;
      const dtype = c.data instanceof Float32Array ? 'float32' : 'float64';
      const session = await sessionOf(dtype, { transA, transB, alpha });
      const result = runTensor(c);
      const feeds = new Map([
        ['a', runTensor(a)],
        ['b', runTensor(b)],
        ['c', result],
      ]);
      await session.run(feeds, new Map([['result', result]]));
    },
    async dispose() {
      for (const session of sessions.values()) await (await session).dispose();
    },
  };
}

/** ONNX Gemm with its scale factor; the ops of models have no use for one. */
const scaledGemm: Op = {
  type: 'Gemm',
  infer: ([, , c]) => [{ dtype: c?.dtype ?? 'float64', shape: c?.shape ?? [] }],
};

function gemmGraph(dtype: FloatType, { transA, transB, alpha }: Required<ProductOptions>): Graph {
  const graph = new Graph();
  const a = graph.input('a', dtype, transA ? ['k', 'm'] : ['m', 'k']);
  const b = graph.input('b', dtype, transB ? ['n', 'k'] : ['k', 'n']);
  const c = graph.input('c', dtype, ['m', 'n']);
  const attributes = { alpha, transA: transA ? 1n : 0n, transB: transB ? 1n : 0n };
  graph.output('result', graph.apply1(scaledGemm, [a, b, c], attributes));
  return graph;
}

function runTensor({ rows, columns, data }: AnyMatrix): RunTensor {
  return { shape: [rows, columns], data };
}

function requireFit(a: AnyMatrix, b: AnyMatrix, c: AnyMatrix, transA: boolean, transB: boolean): void {
  const [m, inner] = transA ? [a.columns, a.rows] : [a.rows, a.columns];
  const [k, n] = transB ? [b.columns, b.rows] : [b.rows, b.columns];
  if (inner === k && c.rows === m && c.columns === n) return;
  const sizes = `[${m}, ${inner}] x [${k}, ${n}] -> [${c.rows}, ${c.columns}]`;
  throw new RegmeanError('invalid-input', `gemm: sizes must fit, got ${sizes}`);
}
