/** A piece of work that says how many seconds each of its parts took. */
export type Timed<Part extends string> = () => Promise<Readonly<Partial<Record<Part, number>>>>;

/**
 * Runs several pieces of work in turns, so that whatever else the machine does meets all of them
 * alike.
 *
 * @param rounds turns that count; one more before them warms up
 * @returns the median seconds of a part; NaN for a part that no work has
 */
export async function mediansOfAlternating<Part extends string>(
  rounds: number,
  works: readonly Timed<Part>[],
): Promise<(part: Part) => number> {
  const samples = new Map<Part, number[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const work of works) {
      for (const [part, seconds] of Object.entries(await work()) as [Part, number][]) {
        if (round > 0) samples.set(part, [...(samples.get(part) ?? []), seconds]);
      }
    }
  }
  return (part) => median(samples.get(part) ?? []);
}

/** Seconds that an asynchronous piece of work takes. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
