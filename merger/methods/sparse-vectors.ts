/** @file Task vectors of which only some entries are kept, and the sign that they agree on. */
import { createRandom } from '../../shared/random.ts';
import { z } from '../../shared/zod.ts';
import { option } from './option.ts';
import type { TaskVectorSource, TaskVectors } from './task-vectors.ts';

/** The share of entries that is kept. */
export const densityOption = option(z.number().gt(0).max(1).default(0.2), {
  help: 'share of the entries of each change that is kept',
  sweep: {
    title: 'Density',
    axis: 'density, the share of the entries of each change that is kept',
    note: 'All agents merged with only a share of the entries of their changes from the base.',
  },
});

/** So few entries are ordered: that is faster than to count all bits that there may be. */
const mostToOrder = 1 << 14;

/** Makes entries of a vector zero, in place; takes its blocks in their order. */
export type Keep = (block: Float32Array) => void;

/** The vectors of a block, each with the entries that its own `Keep` leaves. */
export function keptOf(vectors: readonly Float32Array[], keeps: readonly Keep[]): readonly Float32Array[] {
  for (const [index, vector] of vectors.entries()) keeps[index]?.(vector);
  return vectors;
}

/**
 * Keeps of each vector the entries of largest magnitude, at least one, and makes the others zero.
 * Of equal magnitudes the first are kept.
 *
 * Bits of positive floats are ordered as they are: two walks, which count their halves, find the
 * magnitude of a rank without ordering all.
 */
export async function keepLargest(
  { size, count: vectorCount, eachBlock }: Pick<TaskVectorSource, 'size' | 'count' | 'eachBlock'>,
  density: number,
): Promise<readonly Keep[]> {
  const count = Math.max(1, Math.floor(density * size));
  if (count >= size) return Array.from({ length: vectorCount }, () => () => {});
  if (size <= mostToOrder) {
    const magnitudes = Array.from({ length: vectorCount }, () => new Float32Array(size));
    let start = 0;
    await eachBlock((vectors) => {
      for (const [index, vector] of vectors.entries()) magnitudes[index]?.set(vector.map(Math.abs), start);
      start += vectors[0]?.length ?? 0;
    });
    return magnitudes.map((own) => keepFrom(...byOrder(own, count)));
  }
  const upper = Array.from({ length: vectorCount }, () => new Uint32Array(1 << 15));
  await eachBlock((vectors) => {
    for (const [index, vector] of vectors.entries()) countUpper(vector, upper[index] as Uint32Array);
  });
  const firsts = upper.map((bins) => rankIn(bins, count));
  const lower = upper.map(() => new Uint32Array(1 << 16));
  await eachBlock((vectors) => {
    for (const [index, vector] of vectors.entries()) {
      countLower(vector, (firsts[index] as Rank).bin, lower[index] as Uint32Array);
    }
  });
  return firsts.map((first, index) => {
    const second = rankIn(lower[index] as Uint32Array, count - first.above);
    const [threshold = 0] = new Float32Array(Uint32Array.of((first.bin << 16) | second.bin).buffer);
    return keepFrom(threshold, count - first.above - second.above);
  });
}

/** The magnitude of rank `count`, and how many of its equals are among the first `count`. */
function byOrder(magnitudes: Float32Array, count: number): readonly [threshold: number, equal: number] {
  const ordered = magnitudes.sort();
  const threshold = ordered[ordered.length - count] as number;
  return [threshold, count - (ordered.length - 1 - ordered.lastIndexOf(threshold))];
}

/** Keeps magnitudes above a threshold, and the first few that are equal to it. */
function keepFrom(threshold: number, equal: number): Keep {
  let left = equal;
  return (block) => {
    for (let i = 0; i < block.length; i++) {
      const magnitude = Math.abs(block[i] as number);
      if (magnitude > threshold) continue;
      if (magnitude === threshold && left > 0) left--;
      else block[i] = 0;
    }
  };
}

function bitsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

function countUpper(vector: Float32Array, bins: Uint32Array): void {
  const bits = bitsOf(vector);
  for (let i = 0; i < bits.length; i++) {
    const half = ((bits[i] as number) & 0x7fffffff) >>> 16;
    bins[half] = (bins[half] as number) + 1;
  }
}

function countLower(vector: Float32Array, upper: number, bins: Uint32Array): void {
  const bits = bitsOf(vector);
  for (let i = 0; i < bits.length; i++) {
    const own = (bits[i] as number) & 0x7fffffff;
    if (own >>> 16 === upper) bins[own & 0xffff] = (bins[own & 0xffff] as number) + 1;
  }
}

interface Rank {
  readonly bin: number;
  readonly above: number;
}

/**
 * The bin that holds the entry of rank `count`, counted from the last bin, and how many are above.
 */
function rankIn(bins: Uint32Array, count: number): Rank {
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
  if (density >= 1) return () => {};
  const random = createRandom(seed);
  return (block) => {
    for (let i = 0; i < block.length; i++) block[i] = random() < density ? (block[i] as number) / density : 0;
  };
}

/**
 * The mean, for each entry, over the vectors with the sign that has more weight; vectors that are
 * zero there do not count. A sum of zero counts as positive.
 */
export function meanOfElectedSign({ vectors, weights }: TaskVectors): Float64Array {
  const length = vectors[0]?.length ?? 0;
  const sums = new Float64Array(length);
  for (const [index, vector] of vectors.entries()) addTimes(sums, weights[index] as number, vector);
  const kept = new Float64Array(length);
  const divisors = new Float64Array(length);
  for (const [index, vector] of vectors.entries()) {
    const weight = weights[index] as number;
    for (let i = 0; i < length; i++) {
      const value = vector[i] as number;
      if ((sums[i] as number) >= 0 ? value <= 0 : value >= 0) continue;
      kept[i] = (kept[i] as number) + weight * value;
      divisors[i] = (divisors[i] as number) + weight;
    }
  }
  for (let i = 0; i < length; i++) {
    const divisor = divisors[i] as number;
    if (divisor !== 0) kept[i] = (kept[i] as number) / divisor;
  }
  return kept;
}

function addTimes(sums: Float64Array, factor: number, vector: Float32Array): void {
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + factor * (vector[i] as number);
}
