/**
 * @file Float64 matrix products by ONNX Runtime, accumulated in place: C <- C + alpha op(A) op(B).
 *   One small graph with symbolic sizes per combination of alpha and transposes, prepared at its
 *   first use.
 */

import { RegmeanError } from '../errors.ts';
import { Graph, type Op } from '../graph/graph.ts';
import type { Compute } from '../runtime/compute.ts';
import { createSession, type Session } from '../runtime/session.ts';
import type { Matrix } from './matrix.ts';

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
   * C <- C + alpha op(A) op(B), in place.
   *
   * @throws RegmeanError `invalid-input` when the sizes do not fit
   */
  accumulate(a: Matrix, b: Matrix, c: Matrix, options?: ProductOptions): Promise<void>;
  dispose(): Promise<void>;
}

/** Prepares matrix products. */
export function createGemm(compute: Compute): Gemm {
  const sessions = new Map<string, Promise<Session>>();
  const sessionOf = (gemm: Required<ProductOptions>): Promise<Session> => {
    const key = `${gemm.transA} ${gemm.transB} ${gemm.alpha}`;
    const session = sessions.get(key) ?? createSession(gemmGraph(gemm), compute);
    sessions.set(key, session);
    return session;
  };
  return {
    async accumulate(a, b, c, { transA = false, transB = false, alpha = 1 } = {}) {
      requireFit(a, b, c, transA, transB);
      if (c.data.length === 0 || a.data.length === 0) return;
      const session = await sessionOf({ transA, transB, alpha });
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
  infer: ([, , c]) => [{ dtype: 'float64', shape: c?.shape ?? [] }],
};

function gemmGraph({ transA, transB, alpha }: Required<ProductOptions>): Graph {
  const graph = new Graph();
  const a = graph.input('a', 'float64', transA ? ['k', 'm'] : ['m', 'k']);
  const b = graph.input('b', 'float64', transB ? ['n', 'k'] : ['k', 'n']);
  const c = graph.input('c', 'float64', ['m', 'n']);
  const attributes = { alpha, transA: transA ? 1n : 0n, transB: transB ? 1n : 0n };
  graph.output('result', graph.apply1(scaledGemm, [a, b, c], attributes));
  return graph;
}

function runTensor({ rows, columns, data }: Matrix): { shape: [number, number]; data: Float64Array } {
  return { shape: [rows, columns], data };
}

function requireFit(a: Matrix, b: Matrix, c: Matrix, transA: boolean, transB: boolean): void {
  const [m, inner] = transA ? [a.columns, a.rows] : [a.rows, a.columns];
  const [k, n] = transB ? [b.columns, b.rows] : [b.rows, b.columns];
  if (inner === k && c.rows === m && c.columns === n) return;
  const sizes = `[${m}, ${inner}] x [${k}, ${n}] -> [${c.rows}, ${c.columns}]`;
  throw new RegmeanError('invalid-input', `gemm: sizes must fit, got ${sizes}`);
}
