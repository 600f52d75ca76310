import { RegmeanError } from '../../errors.ts';
import { formatShape } from '../../tensor.ts';
import type { Node, Op, Shape, Value, ValueType } from '../graph.ts';
import type { Size } from '../sizes.ts';

/** The input at `index`, which the op requires. */
export function required(op: string, inputs: readonly (Value | null)[], index: number): Value {
  const value = inputs[index];
  if (value === undefined || value === null) {
    throw new RegmeanError('invalid-input', `${op}: input ${index} is required`);
  }
  return value;
}

/** The input at `index` of a node that was built with it. */
export function inputOf(node: Node, index: number): Value {
  return required(node.op.type, node.inputs, index);
}

/** The output at `index` of a node. */
export function outputOf(node: Node, index = 0): Value {
  const value = node.outputs[index];
  if (value === undefined) throw new RegmeanError('invalid-input', `${node.op.type}: no output ${index}`);
  return value;
}

/** The cotangent of the first output, which a rule is only called with when it is there. */
export function cotangentOf(cotangents: readonly (Value | null)[]): Value {
  const cotangent = cotangents[0];
  if (cotangent === undefined || cotangent === null) {
    throw new RegmeanError('invalid-input', 'gradient: the first output has no cotangent');
  }
  return cotangent;
}

/** Of ops whose output's shape is stated, because ONNX reads it from a tensor at run time. */
export interface StatedShape {
  readonly shape: Shape;
}

/** The shape rule of such ops: the first input's element type under the stated shape. */
export const inferStatedShape: Op<StatedShape>['infer'] = (inputs, _, { shape }) => [
  { dtype: required('stated shape', inputs, 0).dtype, shape },
];

/** Throws unless both values have one element type. */
export function requireSameDtype(op: string, a: Value, b: Value): void {
  if (a.dtype !== b.dtype) {
    throw new RegmeanError(
      'invalid-input',
      `${op}: inputs must have one element type, got ${describe(a)} and ${describe(b)}`,
    );
  }
}

/** Throws unless two dimensions are equal. */
export function requireSameSize(op: string, what: string, a: Size | undefined, b: Size | undefined): void {
  if (a !== b) throw new RegmeanError('invalid-input', `${op}: ${what} must be equal, got ${a} and ${b}`);
}

/** A value as errors show it: `query float32 [batch, seq, 768]`. */
export function describe(value: Value | ValueType): string {
  const name = 'name' in value ? `${value.name} ` : '';
  return `${name}${value.dtype} ${formatShape(value.shape)}`;
}
