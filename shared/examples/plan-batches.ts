import { createRandom, deriveSeed, shuffle } from '../random.ts';
import type { EncodedExample } from './example.ts';

/** What batches are planned by: the tokens of each example. */
export function lengthsOf(examples: readonly EncodedExample[]): number[] {
  return examples.map(({ inputIds }) => inputIds.length);
}

/** How an epoch is divided into batches. */
export interface BatchPlan {
  readonly batchSize: number;
  readonly seed: number;
  readonly epoch: number;
  /**
   * Whether all examples of a batch must have the same length: for models that cannot tell tokens
   * from padding.
   */
  readonly equalLengths?: boolean | undefined;
}

/**
 * Batches' worth of examples that are sorted together: enough for even lengths, few enough to stay
 * random.
 */
const batchesPerBucket = 50;

/**
 * The batches of one training epoch: examples are shuffled, sorted by length inside buckets of 50
 * batches so that little is padded, cut into batches, and the batches shuffled. Every example
 * occurs exactly once; the last batch of a bucket may be smaller. The same (seed, epoch) always
 * gives the same plan, and each epoch has as many batches.
 *
 * @param lengths tokens of each example
 * @returns positions in `lengths`, batch by batch
 */
export function planBatches(
  lengths: ArrayLike<number>,
  { batchSize, seed, epoch, equalLengths = false }: BatchPlan,
): number[][] {
  const random = createRandom(deriveSeed(seed, 'batches', epoch));
  const order = shuffle(
    Array.from({ length: lengths.length }, (_, index) => index),
    random,
  );
  if (equalLengths) return shuffle(cutByLength(order, lengths, batchSize), random);
  const batches: number[][] = [];
  const bucketSize = batchSize * batchesPerBucket;
  for (let start = 0; start < order.length; start += bucketSize) {
    batches.push(...cut(sortByLength(order.slice(start, start + bucketSize), lengths), batchSize));
  }
  return shuffle(batches, random);
}

/**
 * The batches of one pass without training: all examples sorted by length, shortest first.
 * `Batch.indices` tells which results belong to which example.
 *
 * @param lengths tokens of each example
 * @param equalLengths whether all examples of a batch must have the same length
 * @returns positions in `lengths`, batch by batch
 */
export function planEvaluationBatches(
  lengths: ArrayLike<number>,
  batchSize: number,
  equalLengths = false,
): number[][] {
  const order = Array.from({ length: lengths.length }, (_, index) => index);
  return equalLengths ? cutByLength(order, lengths, batchSize) : cut(sortByLength(order, lengths), batchSize);
}

/** Batches of examples of one length each, shortest first. */
function cutByLength(order: readonly number[], lengths: ArrayLike<number>, batchSize: number): number[][] {
  const groups = new Map<number, number[]>();
  for (const index of sortByLength([...order], lengths)) {
    const length = lengths[index] as number;
    const group = groups.get(length);
    if (group === undefined) groups.set(length, [index]);
    else group.push(index);
  }
  return [...groups.values()].flatMap((group) => cut(group, batchSize));
}

/** Sorts positions by length in place, ties in their present order. */
function sortByLength(positions: number[], lengths: ArrayLike<number>): number[] {
  return positions.sort((a, b) => (lengths[a] as number) - (lengths[b] as number));
}

function cut(positions: readonly number[], batchSize: number): number[][] {
  const batches: number[][] = [];
  for (let start = 0; start < positions.length; start += batchSize) {
    batches.push(positions.slice(start, start + batchSize));
  }
  return batches;
}
