import { describe, expect, it } from 'vitest';
import { partitionByKeyClass } from '../../../../deploy/datasets/key-class-partition.ts';
import { createRandom } from '../../../../shared/random.ts';

/** Rows `0:a`, `1:a`, ... with so many of each class. */
function rowsOf(counts: Readonly<Record<string, number>>): { text: string; label: string }[] {
  return Object.entries(counts).flatMap(([label, count]) =>
    Array.from({ length: count }, (_, index) => ({ text: `${index}:${label}`, label })),
  );
}

function countOf(rows: readonly { label: string }[], label: string): number {
  return rows.filter((row) => row.label === label).length;
}

const options = { keyClass: 'a', share: 0.8, size: 1000 };

describe('a partition by a key class', () => {
  it('gives 80 % of the key class to the first part, and fills it up to equal sizes with others', () => {
    const { key, rest } = partitionByKeyClass(rowsOf({ a: 500, b: 300, c: 400 }), options, createRandom(1));
    expect([key.length, rest.length]).toEqual([600, 600]);
    expect([countOf(key, 'a'), countOf(rest, 'a')]).toEqual([400, 100]);
  });

  it('gives every row to one part only', () => {
    const rows = rowsOf({ a: 50, b: 50 });
    const { key, rest } = partitionByKeyClass(rows, options, createRandom(1));
    expect(new Set([...key, ...rest]).size).toBe(100);
  });

  it('sub-samples both parts to the size asked for, keeping their shares about', () => {
    const { key, rest } = partitionByKeyClass(
      rowsOf({ a: 5000, b: 5000 }),
      { ...options, size: 1000 },
      createRandom(1),
    );
    expect([key.length, rest.length]).toEqual([1000, 1000]);
    expect(countOf(key, 'a') / 1000).toBeCloseTo(0.8, 1);
    expect(countOf(rest, 'a') / 1000).toBeCloseTo(0.2, 1);
  });

  it('makes equal parts even when the key class is most of the data', () => {
    const { key, rest } = partitionByKeyClass(rowsOf({ a: 900, b: 100 }), options, createRandom(1));
    expect(key.length).toBe(rest.length);
  });

  it('draws a key class when none is given; equal seeds draw alike', () => {
    const draw = (seed: number): string =>
      partitionByKeyClass(rowsOf({ a: 9, b: 9, c: 9 }), { share: 0.8, size: 9 }, createRandom(seed)).keyClass;
    expect(new Set(Array.from({ length: 30 }, (_, seed) => draw(seed)))).toEqual(new Set(['a', 'b', 'c']));
    expect(draw(4)).toBe(draw(4));
  });

  it('refuses a class that no row has, and rows of one class', () => {
    expect(() =>
      partitionByKeyClass(rowsOf({ a: 2, b: 2 }), { ...options, keyClass: 'x' }, createRandom(1)),
    ).toThrow('partition: no row has the key class x');
    expect(() => partitionByKeyClass(rowsOf({ a: 2 }), options, createRandom(1))).toThrow(
      'partition: needs rows of at least two classes, got 1',
    );
  });
});
