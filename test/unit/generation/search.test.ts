import { describe, expect, it } from 'vitest';
import { createSearch } from '../../../shared/generation/search.ts';

const end = 0;
const logits = (...rows: number[][]): Float32Array => Float32Array.from(rows.flat().map(Math.log));

describe('createSearch', () => {
  it('follows the most probable token until a text ends', () => {
    const search = createSearch({ beams: 1, lengthPenalty: 1, endTokenIds: [end] });
    expect(search.advance(logits([0.1, 0.2, 0.7]))).toEqual({ tokens: [2], parents: [0] });
    expect(search.advance(logits([0.9, 0.05, 0.05]))).toBeNull();
    expect(search.best()).toEqual(Int32Array.of(2));
  });

  it('lets a worse first token win through what follows it', () => {
    const search = createSearch({ beams: 2, lengthPenalty: 1, endTokenIds: [end] });
    const start = [0.01, 0.54, 0.45];
    expect(search.advance(logits(start, start))).toEqual({ tokens: [1, 2], parents: [0, 0] });
    // After 1 nothing is probable; after 2 the end is.
    expect(search.advance(logits([0.3, 0.35, 0.35], [0.98, 0.01, 0.01]))).toEqual({
      tokens: [1, 2],
      parents: [0, 0],
    });
    expect(search.best()).toEqual(Int32Array.of(2));
  });

  it('compares texts by log p over a power of their length', () => {
    const run = (lengthPenalty: number): number[] => {
      const search = createSearch({ beams: 2, lengthPenalty, endTokenIds: [end] });
      const start = [0.4, 0.59, 0.01];
      search.advance(logits(start, start));
      search.advance(logits([0.6, 0.2, 0.2], [0.2, 0.4, 0.4]));
      return [...search.best()];
    };
    // log 0.4 against log(0.59 * 0.6): shorter is better unless lengths are divided by.
    expect(run(0)).toEqual([]);
    expect(run(1)).toEqual([1]);
  });

  it('looks at texts that go on alone, not at those that have just ended, to see whether to end', () => {
    const search = createSearch({ beams: 2, lengthPenalty: 1, endTokenIds: [end] });
    const start = [0.6, 0.3, 0.1];
    search.advance(logits(start, start));
    // The end after 1 is kept as the second text; nothing that goes on is as probable.
    expect(search.advance(logits([0.8, 0.1, 0.1], [0.1, 0.45, 0.45]))).toBeNull();
    expect(search.best()).toEqual(Int32Array.of());
  });

  it('ends when no running text is better than the worst that is kept', () => {
    const search = createSearch({ beams: 2, lengthPenalty: 1, endTokenIds: [end] });
    const start = [0.2, 0.75, 0.05];
    search.advance(logits(start, start));
    // Two texts are kept now: none of log 0.2, and 1 of log(0.75 * 0.3) / 2.
    expect(search.advance(logits([0.3, 0.6, 0.1], [0.4, 0.3, 0.3]))).not.toBeNull();
    const mostlyEnd = [0.98, 0.01, 0.01];
    expect(search.advance(logits(mostlyEnd, mostlyEnd))).toBeNull();
    expect(search.best()).toEqual(Int32Array.of(1, 1));
  });
});
