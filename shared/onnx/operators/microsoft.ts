/**
 * @file Rules for operators that ONNX Runtime's optimizers fuse others into, of the domain
 *   `com.microsoft`: what its CPU kernels compute. Facts: ONNX Runtime's ContribOperators.md, and
 *   its kernels where that leaves something open.
 */
import type { Value } from '../../graph/graph.ts';
import type { OnnxAttribute } from '../../graph/onnx-schema.ts';
import * as ops from '../../graph/ops/index.ts';
import { activationOperators, geluByTanh, swish } from './activation.ts';
import { conv } from './convolution.ts';
import { gemm, product } from './matrix.ts';
import { microsoftAttentionOperators } from './microsoft-attention.ts';
import { microsoftNormalizationOperators } from './microsoft-normalization.ts';
import {
  aligned,
  float,
  input,
  integer,
  type Operator,
  type OperatorContext,
  type OperatorTable,
  optionalInput,
  text,
  unary,
} from './operator.ts';

const sum = (a: Value, b: Value): Value => ops.add(...(aligned([a, b]) as [Value, Value]));

/** The sum of the first input and the second, where it is given. */
function biased(context: OperatorContext): Value {
  const [x, bias] = [input(context, 0), optionalInput(context, 1)];
  return bias === null ? x : sum(x, bias);
}

const fusedMatMul: Operator = (context) => {
  const flag = (name: string): boolean => integer(context, name, 0) === 1;
  const a = moved(input(context, 0), flag('transA'), flag('transBatchA'));
  const b = moved(input(context, 1), flag('transB'), flag('transBatchB'));
  // Vectors are read by the standard operator only.
  if (a.shape.length < 2 || b.shape.length < 2) return null;
  const made = product(a, b);
  const alpha = float(context, 'alpha', 1);
  return [alpha === 1 ? made : ops.mulScalar(made, alpha)];
};

/**
 * The first axis before the last two, [rows, .., columns] -> [.., rows, columns], and then the last
 * two swapped.
 */
function moved(x: Value, isTransposed: boolean, hasRowsFirst: boolean): Value {
  const axes = x.shape.map((_, axis) => axis);
  const rank = axes.length;
  if (rank < 2) return x;
  const rowsLast = hasRowsFirst ? [...axes.slice(1, -1), 0, rank - 1] : axes;
  const order = isTransposed ? [...rowsLast.slice(0, -2), ...rowsLast.slice(-2).reverse()] : rowsLast;
  return order.every((axis, at) => axis === at) ? x : ops.transpose(x, order);
}

/**
 * The activation function that a fused node ends with; null for one that there is no rule for.
 *
 * @param attribute of the function
 */
function activated(
  context: OperatorContext,
  x: Value,
  attribute: readonly OnnxAttribute[],
): readonly (Value | null)[] | null {
  const type = text(context, 'activation', '');
  if (type === '') return [x];
  const rule = Object.hasOwn(activationOperators, type) ? activationOperators[type] : undefined;
  return rule?.({ ...context, node: { ...context.node, opType: type, attribute }, inputs: [x] }) ?? null;
}

const fusedGemm: Operator = (context) => {
  const made = gemm(context)?.[0] ?? null;
  // Gemm has an alpha of its own.
  const prefix = 'activation_';
  const attributes = (context.node.attribute ?? []).filter(({ name }) => name.startsWith(prefix));
  const own = attributes.map((given) => ({ ...given, name: given.name.slice(prefix.length) }));
  return made === null ? null : activated(context, made, own);
};

/** A convolution, to which a fourth input is added. */
const fusedConv: Operator = (context) => {
  const made = conv(context)?.[0] ?? null;
  const added = optionalInput(context, 3);
  const given = context.node.attribute?.find(({ name }) => name === 'activation_params')?.floats ?? [];
  const own = given.slice(0, 2).map((f, at) => ({ name: at === 0 ? 'alpha' : 'beta', f }));
  if (made === null) return null;
  return activated(context, added === null ? made : sum(made, added), own);
};

/** Operators of ONNX Runtime by type. */
export const microsoftOperators: OperatorTable = {
  ...microsoftAttentionOperators,
  ...microsoftNormalizationOperators,
  Gelu: unary(ops.gelu),
  BiasGelu: (context) => [ops.gelu(biased(context))],
  FastGelu: (context) => [geluByTanh(biased(context))],
  QuickGelu: swish(1.702),
  FusedMatMul: fusedMatMul,
  TransposeMatMul: fusedMatMul,
  FusedGemm: fusedGemm,
  FusedConv: fusedConv,
};
