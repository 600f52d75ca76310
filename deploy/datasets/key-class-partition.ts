/**
 * @file Two agents with different class frequencies, as the paper makes them from one data set
 *   (Appendix B): 80 % of the examples of a key class go to one, all others to the other; the
 *   larger gives examples of other classes, drawn uniformly, until both have as many; each is
 *   sub-sampled to 1,000.
 */
import { RegmeanError } from '../../shared/errors.ts';
import { type Random, shuffle } from '../../shared/random.ts';

/** How rows are divided. */
export interface PartitionOptions {
  /** Drawn from the classes when absent. */
  readonly keyClass?: string | undefined;
  /** Share of the key class that goes to the first part, between 0 and 1. */
  readonly share: number;
  /** Most rows of each part. */
  readonly size: number;
}

/** Two parts of equal size. */
export interface KeyClassPartition<R> {
  readonly keyClass: string;
  /** Holds most rows of the key class. */
  readonly key: readonly R[];
  readonly rest: readonly R[];
}

/**
 * Divides labelled rows in two.
 *
 * @throws RegmeanError `usage` for a key class that no row has, or rows of fewer than two classes
 */
export function partitionByKeyClass<R extends { readonly label: string }>(
  rows: readonly R[],
  { keyClass, share, size }: PartitionOptions,
  random: Random,
): KeyClassPartition<R> {
  const classes = [...new Set(rows.map(({ label }) => label))].sort();
  if (classes.length < 2) {
    throw new RegmeanError('usage', `partition: needs rows of at least two classes, got ${classes.length}`);
  }
  const chosen = keyClass ?? (classes[Math.floor(random() * classes.length)] as string);
  if (!classes.includes(chosen)) {
    throw new RegmeanError('usage', `partition: no row has the key class ${chosen}`, {
      hint: `the classes are ${classes.join(', ')}`,
    });
  }
  const ofKey = shuffle(
    rows.filter(({ label }) => label === chosen),
    random,
  );
  const others = shuffle(
    rows.filter(({ label }) => label !== chosen),
    random,
  );
  const taken = Math.round(share * ofKey.length);
  const kept = ofKey.slice(taken);
  // Rows of other classes fill the first part up, as far as there are any.
  const given = Math.max(0, Math.min(others.length, Math.floor(rows.length / 2) - taken));
  const first = [...ofKey.slice(0, taken), ...others.slice(0, given)];
  const second = [...kept, ...others.slice(given)];
  const count = Math.min(size, first.length, second.length);
  return {
    keyClass: chosen,
    key: shuffle(first, random).slice(0, count),
    rest: shuffle(second, random).slice(0, count),
  };
}
