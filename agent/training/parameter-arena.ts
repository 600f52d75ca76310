/**
 * @file Parameters, and everything the optimizer keeps per parameter, in flat arrays with the same
 *   layout: a tensor is a view, an update is a walk over chunks. Parameters with weight decay come
 *   first, then those without.
 */
import type { RunTensor } from '../../shared/runtime/session.ts';
import type { StateDict } from '../../shared/tensor.ts';

/** Flat float32 storage of named tensors. */
export interface ParameterArena {
  readonly flat: Float32Array;
  /** Elements before this offset belong to parameters with weight decay. */
  readonly decayedLength: number;
  /** A view of each tensor into `flat`. */
  readonly tensors: ReadonlyMap<string, RunTensor<Float32Array>>;
}

/**
 * Whether weight decay applies: not to biases (tables of relative position biases included, as in
 * Hugging Face's Trainer), and not to the weights of normalisation layers.
 */
export function isDecayed(name: string): boolean {
  return !/bias(\.weight)?$/.test(name) && !/(norm|(^|[._])ln_\w+)\.weight$/i.test(name);
}

/** A zeroed arena for tensors of these shapes. */
export function createArena(shapes: ReadonlyMap<string, readonly number[]>): ParameterArena {
  const decayed = [...shapes].filter(([name]) => isDecayed(name));
  const others = [...shapes].filter(([name]) => !isDecayed(name));
  const length = (entries: readonly (readonly [string, readonly number[]])[]): number =>
    entries.reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const decayedLength = length(decayed);
  const flat = new Float32Array(decayedLength + length(others));
  const tensors = new Map<string, RunTensor<Float32Array>>();
  let offset = 0;
  for (const [name, shape] of [...decayed, ...others]) {
    const size = shape.reduce((a, b) => a * b, 1);
    tensors.set(name, { shape, data: flat.subarray(offset, offset + size) });
    offset += size;
  }
  return { flat, decayedLength, tensors };
}

/** Copies a state dict into an arena that has its names and shapes. */
export function fillArena(arena: ParameterArena, weights: StateDict): void {
  for (const [name, tensor] of arena.tensors) {
    const source = weights.get(name);
    if (source !== undefined) tensor.data.set(source.data);
  }
}
