/** @file Matrix products. */

import { RegmeanError } from '../../errors.ts';
import { broadcastShapes, type Op, type Value } from '../graph.ts';
import { multiplied, type Size } from '../sizes.ts';
import { cotangentOf, describe, inputOf, required, requireSameDtype, requireSameSize } from './checks.ts';
import { reduceSum } from './reduce.ts';
import { reshape, transposeLast } from './shape.ts';

const matMulOp: Op = {
  type: 'MatMul',
  infer: (inputs) => {
    const a = required('MatMul', inputs, 0);
    const b = required('MatMul', inputs, 1);
    requireSameDtype('MatMul', a, b);
    if (a.shape.length < 2 || b.shape.length < 2) {
      throw new RegmeanError(
        'invalid-input',
        `MatMul: needs matrices, got ${describe(a)} and ${describe(b)}`,
      );
    }
    const where = `MatMul of ${describe(a)} and ${describe(b)}`;
    requireSameSize(where, 'inner sizes', a.shape.at(-1), b.shape.at(-2));
    const batch = broadcastShapes(where, a.shape.slice(0, -2), b.shape.slice(0, -2));
    return [{ dtype: a.dtype, shape: [...batch, a.shape.at(-2) as Size, b.shape.at(-1) as Size] }];
  },
  vjp: ({ node, cotangents }) => {
    const dy = cotangentOf(cotangents);
    const a = inputOf(node, 0);
    const b = inputOf(node, 1);
    const da = matMul(dy, transposeLast(b));
    if (b.shape.length > 2 || a.shape.length === 2) return [da, matMul(transposeLast(a), dy)];
    // One matrix for all rows: a single product over them, where the batched one would be summed
    // afterwards.
    const rows = (x: Value): Value => reshape(x, [multiplied(x.shape.slice(0, -1)), x.shape.at(-1) as Size]);
    return [da, gemm(rows(a), rows(dy), { transA: true, transB: false })];
  },
};

/**
 * Matrix product over the last two axes: [.., m, k] x [.., k, n] -> [.., m, n], leading axes
 * broadcast.
 */
export function matMul(a: Value, b: Value): Value {
  return a.graph.apply1(matMulOp, [a, b]);
}

const gemmOp: Op = {
  type: 'Gemm',
  infer: (inputs, attributes) => {
    const a = required('Gemm', inputs, 0);
    const b = required('Gemm', inputs, 1);
    requireSameDtype('Gemm', a, b);
    if (a.shape.length !== 2 || b.shape.length !== 2) {
      throw new RegmeanError('invalid-input', `Gemm: needs matrices, got ${describe(a)} and ${describe(b)}`);
    }
    const [m, k] = attributes.transA === 1n ? [a.shape[1], a.shape[0]] : a.shape;
    const [inner, n] = attributes.transB === 1n ? [b.shape[1], b.shape[0]] : b.shape;
    requireSameSize(`Gemm of ${describe(a)} and ${describe(b)}`, 'inner sizes', k, inner);
    return [{ dtype: a.dtype, shape: [m as Size, n as Size] }];
  },
  vjp: ({ node, cotangents }) => {
    const dy = cotangentOf(cotangents);
    const a = inputOf(node, 0);
    const b = inputOf(node, 1);
    const transA = node.attributes.transA === 1n;
    const transB = node.attributes.transB === 1n;
    const da = transA
      ? gemm(b, dy, { transA: transB, transB: true })
      : gemm(dy, b, { transA: false, transB: !transB });
    const db = transB
      ? gemm(dy, a, { transA: true, transB: transA })
      : gemm(a, dy, { transA: !transA, transB: false });
    const bias = node.inputs[2] ?? null;
    return bias === null ? [da, db] : [da, db, reduceSum(dy, [0], bias.shape.length === 2)];
  },
};

/** Options of `gemm`: which operands are transposed, and a bias that is added to every row. */
export interface GemmOptions {
  readonly transA: boolean;
  readonly transB: boolean;
  readonly bias?: Value;
}

/** op(a) op(b) + bias for matrices, where op transposes when asked to. */
export function gemm(a: Value, b: Value, options: GemmOptions): Value {
  return a.graph.apply1(gemmOp, options.bias === undefined ? [a, b] : [a, b, options.bias], {
    transA: options.transA ? 1n : 0n,
    transB: options.transB ? 1n : 0n,
  });
}

/**
 * A linear layer on rows: x W^T + b.
 *
 * @param x [rows, in]
 * @param weight [out, in], as PyTorch stores it
 * @param bias [out], or null
 * @returns [rows, out]
 */
export function linear(x: Value, weight: Value, bias: Value | null): Value {
  return gemm(x, weight, { transA: false, transB: true, ...(bias === null ? {} : { bias }) });
}
