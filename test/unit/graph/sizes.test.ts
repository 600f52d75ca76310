import { describe, expect, it } from 'vitest';
import {
  added,
  divided,
  inOrderOf,
  multiplied,
  named,
  namesIn,
  type Size,
  sameSize,
  subtracted,
  summed,
} from '../../../shared/graph/sizes.ts';

const [batch, seq] = [named('batch'), named('seq')];
const longer = summed([seq, 1]);

describe('sizes', () => {
  it('are one object where they are equal', () => {
    expect(named('batch')).toBe(batch);
    expect(multiplied([2, batch, 4, seq])).toBe(multiplied([8, batch, seq]));
    expect(multiplied([batch, seq])).not.toBe(multiplied([seq, batch]));
    expect(summed([1, seq, 1])).toBe(summed([seq, 2]));
    expect(summed([seq, batch])).toBe(summed([seq, batch]));
  });

  it('do not take a name for what it looks like', () => {
    expect(named('batch*seq')).not.toBe(multiplied([batch, seq]));
    expect(named('(seq+1)')).not.toBe(longer);
    expect(added(named('(seq+1)'), -1)).not.toBe(seq);
  });

  it.each<[Size, string]>([
    [7, '7'],
    [batch, 'batch'],
    [multiplied([batch, 8, seq]), '8*batch*seq'],
    [longer, '(seq+1)'],
    [summed([multiplied([2, seq]), -1]), '(2*seq-1)'],
    [summed([batch, seq]), '(batch+seq)'],
    [multiplied([batch, longer]), 'batch*(seq+1)'],
  ])('are written %s', (size, text) => {
    expect(`${size}`).toBe(text);
  });

  it('are numbers where nothing but numbers is left', () => {
    expect(multiplied([])).toBe(1);
    expect(multiplied([batch, 0])).toBe(0);
    expect(summed([3, 4])).toBe(7);
    expect(summed([longer, multiplied([-1, seq])])).toBe(1);
    expect(divided(multiplied([6, batch]), multiplied([batch, 2]))).toBe(3);
    expect(subtracted(longer, longer)).toBe(0);
  });

  it('undo what was done', () => {
    expect(added(longer, -1)).toBe(seq);
    expect(subtracted(added(multiplied([2, seq]), 3) as Size, 3)).toBe(multiplied([2, seq]));
    expect(divided(multiplied([batch, longer]), longer)).toBe(batch);
  });

  it('add up terms of one kind', () => {
    expect(summed([seq, batch, seq, 2, longer])).toBe(summed([multiplied([3, seq]), batch, 3]));
  });

  it('are undefined where a result cannot be said', () => {
    expect(divided(batch, seq)).toBeUndefined();
    expect(divided(multiplied([3, batch]), 2)).toBeUndefined();
    expect(divided(batch, 0)).toBeUndefined();
    expect(added(batch, seq)).toBeUndefined();
    expect(subtracted(4, seq)).toBeUndefined();
  });

  it('count alike in any order of their factors', () => {
    expect(sameSize(multiplied([batch, longer, 2]), multiplied([2, longer, batch]))).toBe(true);
    expect(sameSize(multiplied([batch, batch]), batch)).toBe(false);
    expect(sameSize(0, 0)).toBe(true);
    expect(sameSize(2, 4)).toBe(false);
  });

  it('take the order of the axes that they come from', () => {
    expect(inOrderOf([seq, batch, 4], [multiplied([batch, seq, 2]), 2])).toEqual([
      multiplied([2, seq, batch]),
      2,
    ]);
    expect(namesIn([multiplied([3, seq, batch]), longer, 2, batch])).toEqual(['seq', 'batch', 'batch']);
  });
});
