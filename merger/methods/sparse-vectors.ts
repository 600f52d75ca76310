/** @file Task vectors of which only some entries are kept, and the sign that they agree on. */
import { createRandom } from '../../shared/random.ts';
import { z } from '../../shared/zod.ts';
import { option } from './option.ts';
import type { TaskVectors } from './task-vectors.ts';

/** The share of entries that is kept. */
export const densityOption = option(z.number().gt(0).max(1).default(0.2), {
  help: 'share of the entries of each change that is kept',
  sweep: {
    title: 'Density',
    axis: 'density, the share of the entries of each change that is kept',
    note: 'All agents merged with only a share of the entries of their changes from the base.',
  },
});

/** Makes entries of a vector zero; takes its blocks in their order. */
export type Keep = (block: Float32Array) => Float32Array;

/** The vectors of a block, each with the entries that its own `Keep` leaves. */
export function keptOf(vectors: readonly Float32Array[], keeps: readonly Keep[]): readonly Float32Array[] {
  return vectors.map((vector, index) => (keeps[index] as Keep)(vector));
}

/**
 * Keeps the entries of largest magnitude, at least one, and makes the others zero. Of equal
 * magnitudes the first are kept.
 */
export function keepLargest(whole: Float32Array, density: number): Keep {
  const count = Math.max(1, Math.floor(density * whole.length));
  if (count >= whole.length) return (block) => block;
  const { threshold, above } = largestMagnitude(whole, count);
  let ofThreshold = count - above;
  return (block) =>
    block.map((value) => {
      const magnitude = Math.abs(value);
      if (magnitude > threshold) return value;
      return magnitude === threshold && ofThreshold-- > 0 ? value : 0;
    });
}

/**
 * The magnitude of rank `count`, the largest being the first, and how many are above it. Bits of
 * positive floats are ordered as they are: two counts of their halves find the rank without
 * ordering all.
 */
function largestMagnitude(
  { buffer, byteOffset, length }: Float32Array,
  count: number,
): { readonly threshold: number; readonly above: number } {
  const bits = new Uint32Array(buffer, byteOffset, length);
  const upper = new Uint32Array(1 << 15);
  for (let i = 0; i < length; i++) {
    const half = ((bits[i] as number) & 0x7fffffff) >>> 16;
    upper[half] = (upper[half] as number) + 1;
  }
  const first = rankIn(upper, count);
  const lower = new Uint32Array(1 << 16);
  for (let i = 0; i < length; i++) {
    const own = (bits[i] as number) & 0x7fffffff;
    if (own >>> 16 === first.bin) lower[own & 0xffff] = (lower[own & 0xffff] as number) + 1;
  }
  const second = rankIn(lower, count - first.above);
  const found = Uint32Array.of((first.bin << 16) | second.bin);
  return { threshold: new Float32Array(found.buffer)[0] as number, above: first.above + second.above };
}

/**
 * The bin that holds the entry of rank `count`, counted from the last bin, and how many are above.
 */
function rankIn(bins: Uint32Array, count: number): { readonly bin: number; readonly above: number } {
  let above = 0;
  let bin = bins.length - 1;
  while (bin > 0 && above + (bins[bin] as number) < count) {
    above += bins[bin] as number;
    bin--;
  }
  return { bin, above };
}

/**
 * Keeps entries that are drawn at random, divided by the share that is kept, so that the mean over
 * draws is the whole vector.
 */
export function keepRandom(density: number, seed: number): Keep {
  if (density >= 1) return (block) => block;
  const random = createRandom(seed);
  return (block) => block.map((value) => (random() < density ? value / density : 0));
}

/**
 * The mean, for each entry, over the vectors with the sign that has more weight; vectors that are
 * zero there do not count. A sum of zero counts as positive.
 */
export function meanOfElectedSign({ vectors, weights }: TaskVectors): Float64Array {
  const result = new Float64Array(vectors[0]?.length ?? 0);
  for (let i = 0; i < result.length; i++) {
    let sum = 0;
    for (let index = 0; index < vectors.length; index++) {
      sum += (weights[index] as number) * ((vectors[index] as Float32Array)[i] as number);
    }
    const sign = sum >= 0 ? 1 : -1;
    let kept = 0;
    let divisor = 0;
    for (let index = 0; index < vectors.length; index++) {
      const weight = weights[index] as number;
      const value = (vectors[index] as Float32Array)[i] as number;
      if (value * sign <= 0) continue;
      kept += weight * value;
      divisor += weight;
    }
    result[i] = divisor === 0 ? 0 : kept / divisor;
  }
  return result;
}
