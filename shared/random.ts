/**
 * @file Seeded random numbers, the same on every machine: a 32-bit state mixed by splitmix-style
 *   steps (`mulberry32`), good enough for shuffles, masks and initial weights; not for
 *   cryptography.
 */

/** A stream of uniform numbers in [0, 1). */
export type Random = () => number;

/** A seeded stream of uniform numbers in [0, 1); equal seeds give equal streams. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/**
 * A seed derived from a seed and labels, so that independent uses never share a stream. FNV-1a over
 * the text.
 */
export function deriveSeed(seed: number, ...labels: (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const character of [seed, ...labels].join('/')) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return hash;
}

/** One draw of the standard normal distribution (Box-Muller). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Shuffles `items` in place (Fisher-Yates) and returns them. */
export function shuffle<T>(items: T[], random: Random): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const chosen = Math.floor(random() * (last + 1));
    const held = items[last] as T;
    items[last] = items[chosen] as T;
    items[chosen] = held;
  }
  return items;
}
