/** @file What a rule for reading an operator sees, and what rules share. */

import { RegmeanError } from '../../errors.ts';
import type { Attributes, DType, Graph, Op, Shape, Value } from '../../graph/graph.ts';
import type { OnnxAttribute, OnnxNode, OnnxTensor } from '../../graph/onnx-schema.ts';
import * as ops from '../../graph/ops/index.ts';
import { named, type Size } from '../../graph/sizes.ts';
import type { ModuleScope } from '../../models/scope.ts';

/** One node to read. */
export interface OperatorContext {
  readonly graph: Graph;
  readonly scope: ModuleScope;
  readonly node: OnnxNode;
  /** Version of ONNX's operators in the file. */
  readonly opset: number;
  /** Absent optional inputs are null. */
  readonly inputs: readonly (Value | null)[];
  /**
   * Elements of values with at most one axis that are sizes or numbers known now: what exported
   * graphs compute shapes with. Truth values are 0 and 1.
   */
  readonly contents: WeakMap<Value, readonly Size[]>;
}

/**
 * Reads a node of one operator into ops of ours; null where its attributes ask for what there is no
 * op for. An output that is not asked for may be null.
 */
export type Operator = (context: OperatorContext) => readonly (Value | null)[] | null;

/** Rules by operator type. */
export type OperatorTable = Readonly<Record<string, Operator>>;

/** The input at an index, which the operator requires. */
export function input({ inputs }: OperatorContext, index: number): Value {
  const value = inputs[index];
  if (value !== undefined && value !== null) return value;
  throw new RegmeanError('invalid-input', `input ${index} is required`);
}

/** The input at an index, where it is given. */
export function optionalInput({ inputs }: OperatorContext, index: number): Value | null {
  return inputs[index] ?? null;
}

/** Whether the output at an index is asked for. */
export function isAsked({ node }: OperatorContext, index: number): boolean {
  return (node.output[index] ?? '') !== '';
}

function attribute({ node }: OperatorContext, name: string): OnnxAttribute | undefined {
  return node.attribute?.find((own) => own.name === name);
}

/** An integer attribute. */
export function integer(context: OperatorContext, name: string, otherwise: number): number {
  const given = attribute(context, name);
  // A field that is zero is not read from the file.
  return given === undefined ? otherwise : Number(given.i ?? 0);
}

/** A floating point attribute. */
export function float(context: OperatorContext, name: string, otherwise: number): number {
  const given = attribute(context, name);
  return given === undefined ? otherwise : (given.f ?? 0);
}

/** A text attribute. */
export function text(context: OperatorContext, name: string, otherwise: string): string {
  const value = attribute(context, name)?.s;
  return value === undefined ? otherwise : Buffer.from(value).toString();
}

/** The attributes of a node, as they are. */
export function keptAttributes({ attribute = [] }: OnnxNode): Attributes {
  return Object.fromEntries(attribute.map((own) => [own.name, { kept: own }]));
}

/** A tensor attribute. */
export function tensor(context: OperatorContext, name: string): OnnxTensor | undefined {
  return attribute(context, name)?.t;
}

/**
 * Integers that newer versions give as an input and older ones as an attribute; null where they are
 * known in neither.
 */
export function integers(context: OperatorContext, name: string, index: number): readonly number[] | null {
  const given = attribute(context, name);
  if (given !== undefined) return (given.ints ?? []).map(Number);
  const value = optionalInput(context, index);
  const contents = value === null ? undefined : context.contents.get(value);
  if (contents === undefined || contents.some((size) => typeof size !== 'number')) return null;
  return contents.map(Number);
}

/** Whether the integers are given at all, as `integers` reads them. */
export function hasIntegers(context: OperatorContext, name: string, index: number): boolean {
  return attribute(context, name) !== undefined || optionalInput(context, index) !== null;
}

/** The one number that a constant holds; undefined for other values. */
export function numberOf(value: Value | null): number | undefined {
  const data = value === null ? undefined : value.graph.constants.get(value);
  return data?.length === 1 ? Number(data[0]) : undefined;
}

/** Notes the elements of a value. */
export function noted(
  context: OperatorContext,
  value: Value,
  contents: readonly Size[] | undefined,
): readonly Value[] {
  if (contents !== undefined) context.contents.set(value, contents);
  return [value];
}

/**
 * Shapes that broadcast, with one name for each size. Of two names for a size the first is taken,
 * before a name a number: an exported graph is right about its shapes, even where they cannot be
 * followed.
 */
export function alignedShapes(shapes: readonly Shape[]): readonly Shape[] {
  const rank = Math.max(...shapes.map(({ length }) => length));
  const common = Array.from({ length: rank }, (_, axis): Size => {
    const sizes = shapes.flatMap((shape) => {
      const size = shape[shape.length - rank + axis];
      return size === undefined || size === 1 ? [] : [size];
    });
    return sizes.find((size) => typeof size === 'number') ?? sizes[0] ?? 1;
  });
  return shapes.map((shape) =>
    shape.map((size, axis) => (size === 1 ? 1 : (common[rank - shape.length + axis] as Size))),
  );
}

/** Values whose sizes have one name wherever broadcasting needs it. */
export function aligned(values: readonly Value[]): readonly Value[] {
  const shapes = alignedShapes(values.map(({ shape }) => shape));
  return values.map((value, index) => ops.withShape(value, shapes[index] as Shape));
}

/** A name for a size that cannot be said in terms of others. */
export function newSize({ node }: OperatorContext, axis: number): Size {
  return named(`${node.output[0]}:${axis}`);
}

/** Whether values are floating point: the others have no gradient. */
export function isFloat({ dtype }: Value): boolean {
  return dtype === 'float32' || dtype === 'float64';
}

/** How many sizes of a shape are not numbers. */
export function unknownSizes(shape: Shape): number {
  return shape.filter((size) => typeof size !== 'number').length;
}

/** An op whose output the rule states: of integers and truth values, which need no gradient. */
export function statedOp(type: string, dtype: DType, shape: Shape): Op {
  return { type, infer: () => [{ dtype, shape }] };
}

/** An operator on one value. */
export function unary(apply: (x: Value) => Value): Operator {
  return (context) => [apply(input(context, 0))];
}
