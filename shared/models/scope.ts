/**
 * @file What a model file is written with: a scope that knows the module's name, declares
 *   parameters under Hugging Face's exact names, and remembers how each one begins when a model or
 *   a head is new.
 */
import { RegmeanError } from '../errors.ts';
import type { Graph, Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import { factorNames, factorShapes, updatedWeight, type WeightUpdates } from './low-rank.ts';

/** How a new parameter begins; `normal` with the model's initializer range. */
export type Initializer = 'normal' | 'zeros' | 'ones';

/** A parameter as a model declares it. */
export interface ParameterDeclaration {
  readonly value: Value;
  readonly initializer: Initializer;
  /** Whether it belongs to the task head: new when a base model without this head is fine-tuned. */
  readonly inHead: boolean;
  /** The module whose weight it is, where its name does not tell. */
  readonly module?: string;
}

/** Dropout of a graph for training; null where nothing is dropped. */
export interface DropoutSeed {
  readonly seed: number;
}

/** The build of one model's graph. */
export interface ModelBuild {
  readonly graph: Graph;
  readonly dropout: DropoutSeed | null;
  readonly declarations: Map<string, ParameterDeclaration>;
  /** Weights that have an update of low rank; none when absent. */
  readonly updates?: WeightUpdates | undefined;
}

/** One module of a model: where parameters are declared. */
export interface ModuleScope {
  readonly build: ModelBuild;
  /** Full name of the module with a dot at its end; empty for the root. */
  readonly prefix: string;
  readonly inHead: boolean;
}

/** The submodule `name`. */
export function at(scope: ModuleScope, name: string): ModuleScope {
  return { ...scope, prefix: `${scope.prefix}${name}.` };
}

/** The scope for parameters that belong to the base model although the head uses them. */
export function inBase(scope: ModuleScope): ModuleScope {
  return { ...scope, inHead: false };
}

/** Declares a parameter of the module, or returns the one declared before (a shared module). */
export function parameter(
  scope: ModuleScope,
  name: string,
  shape: readonly number[],
  initializer: Initializer,
): Value {
  const full = scope.prefix + name;
  const known = scope.build.declarations.get(full);
  if (known !== undefined) return known.value;
  const declare = (own: string, ownShape: readonly number[], begins: Initializer): Value => {
    const value = scope.build.graph.parameter(own, ownShape);
    scope.build.declarations.set(own, { value, initializer: begins, inHead: scope.inHead });
    return value;
  };
  const value = declare(full, shape, initializer);
  const update = scope.build.updates?.get(full);
  if (update === undefined) return value;
  const [names, shapes] = [factorNames(full), factorShapes([shape[0] ?? 0, shape[1] ?? 0], update)];
  const factors = { a: declare(names.a, shapes.a, 'normal'), b: declare(names.b, shapes.b, 'zeros') };
  const updated = updatedWeight(value, factors, update);
  scope.build.declarations.set(full, { value: updated, initializer, inHead: scope.inHead });
  return updated;
}

/** Whether a module has a bias, PyTorch's `bias=`. */
export interface BiasChoice {
  readonly bias: boolean;
}

/**
 * `nn.Linear`: x W^T + b.
 *
 * @param x [rows, in]
 * @returns [rows, out]
 */
export function linear(
  scope: ModuleScope,
  name: string,
  x: Value,
  outputSize: number,
  { bias }: BiasChoice = { bias: true },
): Value {
  const inputSize = lastSize(x);
  const module = at(scope, name);
  return scope.build.graph.scope(scope.prefix + name, () => {
    const weight = parameter(module, 'weight', [outputSize, inputSize], 'normal');
    return ops.linear(x, weight, bias ? parameter(module, 'bias', [outputSize], 'zeros') : null);
  });
}

/** `nn.Linear` without a bias: x W^T. [rows, in] -> [rows, out] */
export function linearWithoutBias(scope: ModuleScope, name: string, x: Value, outputSize: number): Value {
  return linear(scope, name, x, outputSize, { bias: false });
}

/** Root-mean-square normalisation over the last axis, with a weight and no bias. */
export function rmsNorm(scope: ModuleScope, name: string, x: Value, epsilon: number): Value {
  const size = lastSize(x);
  const module = at(scope, name);
  return scope.build.graph.scope(scope.prefix + name, () =>
    ops.rmsNormalization(x, parameter(module, 'weight', [size], 'ones'), epsilon),
  );
}

/** `nn.LayerNorm` over the last axis. */
export function layerNorm(
  scope: ModuleScope,
  name: string,
  x: Value,
  epsilon: number,
  { bias }: BiasChoice = { bias: true },
): Value {
  const size = lastSize(x);
  const module = at(scope, name);
  return scope.build.graph.scope(scope.prefix + name, () => {
    const weight = parameter(module, 'weight', [size], 'ones');
    const shift = bias ? parameter(module, 'bias', [size], 'zeros') : null;
    return ops.layerNormalization(x, weight, shift, epsilon);
  });
}

/** `nn.Embedding`: a table of `rows` vectors, looked up at `indices`. */
export function embedding(
  scope: ModuleScope,
  name: string,
  indices: Value,
  rows: number,
  width: number,
): Value {
  const table = parameter(at(scope, name), 'weight', [rows, width], 'normal');
  return scope.build.graph.scope(scope.prefix + name, () => ops.gather(table, indices));
}

/** `nn.Dropout`: the identity in graphs for inference. */
export function dropout(scope: ModuleScope, x: Value, probability: number): Value {
  const training = scope.build.dropout;
  return training === null ? x : ops.dropout(x, probability, training.seed);
}

function lastSize(x: Value): number {
  const size = x.shape.at(-1);
  if (typeof size !== 'number') {
    throw new RegmeanError('invalid-input', `${x.name}: the last size must be known, got ${size}`);
  }
  return size;
}
