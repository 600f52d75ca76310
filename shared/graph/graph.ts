/**
 * @file The graph under construction: typed values, the nodes that produce them, inputs, constants
 *   and outputs. A graph is data; ops (`ops/`) append nodes to it, `gradients.ts` appends the
 *   backward pass, `onnx-model.ts` encodes it, `../runtime/session.ts` runs it. Parameters are
 *   inputs, so weights are never baked in.
 */
import { RegmeanError } from '../errors.ts';
import { formatShape, type TensorData } from '../tensor.ts';
import type { OnnxAttribute } from './onnx-schema.ts';
import { named, type Size } from './sizes.ts';

/** Element types that graphs compute with. */
export type DType = 'float32' | 'float64' | 'int32' | 'int64' | 'bool';

export type Shape = readonly Size[];

/** Type and shape of a value. */
export interface ValueType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** One tensor of a graph: an input, a constant or an output of a node. */
export interface Value extends ValueType {
  readonly graph: Graph;
  readonly name: string;
  /** The node that computes it; null for inputs and constants. */
  readonly producer: Node | null;
  readonly role: 'input' | 'parameter' | 'constant' | 'computed';
}

/**
 * ONNX node attributes. Integers must be wrapped as `bigint`, so that floats that happen to be
 * whole stay floats. Of operators that nothing here is known of, attributes are kept as their file
 * has them.
 */
export type Attributes = Readonly<
  Record<string, bigint | number | string | readonly bigint[] | { readonly kept: OnnxAttribute }>
>;

/** One applied op. */
export interface Node<P = unknown> {
  readonly op: Op<P>;
  readonly name: string;
  /** Absent optional inputs are null. */
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  readonly attributes: Attributes;
  /** What shape rule and gradient know of this node beside inputs and attributes; see `Op`. */
  readonly params: P;
}

/**
 * What a gradient rule sees: the node, and the cotangent of each of its outputs (null where nothing
 * depends on it).
 */
export interface VjpContext<P = unknown> {
  readonly node: Node<P>;
  readonly cotangents: readonly (Value | null)[];
}

/**
 * Everything the project knows of one ONNX operator: its type, its shape rule and its gradient.
 * A rule may return a cotangent with broadcast dimensions; the driver sums them away. What ONNX
 * reads from a tensor at run time (axes, sizes) but the rules must know while the graph is built is
 * given as `P` and kept as the node's `params`.
 */
export interface Op<P = unknown> {
  readonly type: string;
  readonly domain?: string;
  /**
   * Version of its domain's operators that it is of, where a graph must be written with at least
   * that one.
   */
  readonly version?: number;
  /** Outputs, by index, that are not asked for: some operators do other things when they are. */
  readonly absentOutputs?: readonly number[];
  /** Types and shapes of the outputs. Throws when the inputs do not fit. */
  infer(inputs: readonly (Value | null)[], attributes: Attributes, params: P): readonly ValueType[];
  /**
   * Vector-Jacobian product: the cotangent of each input, null where it has none. Absent when there
   * is no rule.
   */
  vjp?(context: VjpContext<P>): readonly (Value | null)[];
}

/** The `params` argument of `apply`: there for ops that have params, and only for those. */
type ParamsOf<P> = unknown extends P ? [] : [params: P];

/**
 * A tensor computation. Create values with `input`, `parameter`, `constant`, and with the functions
 * of `ops/`.
 */
export class Graph {
  readonly nodes: Node[] = [];
  readonly inputs: Value[] = [];
  readonly constants = new Map<Value, TensorData>();
  readonly outputs = new Map<string, Value>();
  private readonly names = new Set<string>();
  private readonly constantCache = new Map<string, Value>();
  private scopeName = '';

  /** Declares an input fed at every run. Names in its shape become sizes of the graph. */
  input(name: string, dtype: DType, shape: readonly (Size | string)[]): Value {
    const sizes = shape.map((size) => (typeof size === 'string' ? named(size) : size));
    return this.addInput(name, dtype, sizes, 'input');
  }

  /**
   * Declares a model parameter: an input that gradients are taken of, and that makes a product a
   * linear layer.
   */
  parameter(name: string, shape: readonly number[]): Value {
    return this.addInput(name, 'float32', shape, 'parameter');
  }

  /**
   * A constant tensor, held inside the encoded model: keep it small. Equal constants are shared.
   */
  constant(data: TensorData, shape: readonly number[]): Value {
    const dtype = dtypeOfData(data);
    const key = `${dtype}:${shape.join(',')}:${data.length <= 64 ? data.join(',') : this.constants.size}`;
    const known = this.constantCache.get(key);
    if (known !== undefined) return known;
    const value: Value = {
      graph: this,
      name: this.uniqueName('constant'),
      dtype,
      shape,
      producer: null,
      role: 'constant',
    };
    this.constants.set(value, data);
    this.constantCache.set(key, value);
    return value;
  }

  /** A scalar constant of the given type. */
  scalar(value: number, dtype: DType = 'float32'): Value {
    return this.constant(constantDataOf(dtype, [value]), []);
  }

  /** A one-dimensional int64 constant, as shapes and axes are given to ONNX. */
  integers(values: readonly number[]): Value {
    return this.constant(constantDataOf('int64', values), [values.length]);
  }

  /** Applies an op and returns its outputs. */
  apply<P>(
    op: Op<P>,
    inputs: readonly (Value | null)[],
    attributes: Attributes = {},
    ...[params]: ParamsOf<P>
  ): readonly Value[] {
    for (const input of inputs) {
      if (input !== null && input.graph !== this) {
        throw new RegmeanError('invalid-input', `${op.type}: inputs must be of one graph, got ${input.name}`);
      }
    }
    const name = this.uniqueName(this.scopeName === '' ? op.type : `${this.scopeName}/${op.type}`);
    const outputs: Value[] = [];
    const node: Node<P> = { op, name, inputs, outputs, attributes, params: params as P };
    for (const [index, type] of op.infer(inputs, attributes, node.params).entries()) {
      const outputName = index === 0 ? name : `${name}:${index}`;
      outputs.push({ graph: this, name: outputName, ...type, producer: node, role: 'computed' });
    }
    this.nodes.push(node);
    return outputs;
  }

  /** Applies an op with one output. */
  apply1<P>(
    op: Op<P>,
    inputs: readonly (Value | null)[],
    attributes: Attributes = {},
    ...params: ParamsOf<P>
  ): Value {
    return this.apply(op, inputs, attributes, ...params)[0] as Value;
  }

  /** Marks a value as a result of the graph under a name of its own. */
  output(name: string, value: Value): void {
    if (this.outputs.has(name))
      throw new RegmeanError('invalid-input', `graph: output ${name} is there twice`);
    this.outputs.set(name, value);
  }

  /**
   * Names the nodes that `build` adds after a module, so that errors and profiles say where they
   * belong.
   */
  scope<T>(name: string, build: () => T): T {
    const outer = this.scopeName;
    this.scopeName = name;
    try {
      return build();
    } finally {
      this.scopeName = outer;
    }
  }

  private addInput(name: string, dtype: DType, shape: Shape, role: 'input' | 'parameter'): Value {
    if (this.names.has(name)) throw new RegmeanError('invalid-input', `graph: input ${name} is there twice`);
    this.names.add(name);
    const value: Value = { graph: this, name, dtype, shape, producer: null, role };
    this.inputs.push(value);
    return value;
  }

  private uniqueName(stem: string): string {
    let name = stem;
    for (let count = 1; this.names.has(name); count++) name = `${stem}_${this.names.size + count}`;
    this.names.add(name);
    return name;
  }
}

/** Whether two shapes are the same. */
export function sameDims(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/**
 * The shape of an element-wise result of two shapes (NumPy broadcasting).
 *
 * @throws when a pair of dimensions is neither equal nor 1
 */
export function broadcastShapes(where: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const result: Size[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[a.length - rank + axis] ?? 1;
    const right = b[b.length - rank + axis] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new RegmeanError(
        'invalid-input',
        `${where}: shapes must broadcast, got ${formatShape(a)} and ${formatShape(b)}`,
      );
    }
    result.push(left === 1 ? right : left);
  }
  return result;
}

/** An axis counted from the front, for axes given from either end. */
export function positiveAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

function dtypeOfData(data: TensorData): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof BigInt64Array) return 'int64';
  return 'bool';
}

function constantDataOf(dtype: DType, values: readonly number[]): TensorData {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(values);
    case 'float64':
      return Float64Array.from(values);
    case 'int32':
      return Int32Array.from(values);
    case 'int64':
      return BigInt64Array.from(values.map(BigInt));
    case 'bool':
      return Uint8Array.from(values);
  }
}
