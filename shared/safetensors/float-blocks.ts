import { sizeOf } from '../tensor.ts';
import type { TensorReader } from './open-safetensors.ts';

/**
 * Values read at once: 1 MiB. Larger blocks are no faster, and the collector lets many of them pile
 * up.
 */
const blockValues = 1 << 18;

/** Consecutive values of a tensor. */
export interface FloatBlock {
  /** Position of the first value, counted in row-major order. */
  readonly start: number;
  readonly values: Float32Array;
}

/**
 * Reads a floating point tensor in blocks of at most 1 MiB, in order.
 *
 * @throws RegmeanError when there is no such tensor, or it is not floating point
 */
export async function* readFloatBlocks(reader: TensorReader, name: string): AsyncGenerator<FloatBlock> {
  const size = sizeOf(reader.tensors.get(name)?.shape ?? []);
  for (let start = 0; start < size; start += blockValues) {
    const values = await reader.readFloat32Range(name, start, Math.min(start + blockValues, size));
    yield { start, values };
  }
}
