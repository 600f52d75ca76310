import type { LayersNetwork } from './network.ts';

/**
 * Batches whose examples need no padding, where nothing tells the network what padding is: a pooling layer would count it, and an
 * example's logits would depend on the examples beside it. Networks of a fixed length, or with a mask, take batches as they are.
 *
 * @param batches positions of examples, batch by batch
 * @param lengths tokens of each example
 */
export function withoutPadding(
  { length, readsMask }: Pick<LayersNetwork, 'length' | 'readsMask'>,
  batches: readonly (readonly number[])[],
  lengths: readonly number[],
): readonly (readonly number[])[] {
  if (length !== null || readsMask) return batches;
  return batches.flatMap((indices) =>
    [...new Set(indices.map((index) => lengths[index]))].map((own) =>
      indices.filter((index) => lengths[index] === own),
    ),
  );
}
