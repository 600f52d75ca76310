import { describe, expect, it } from 'vitest';
import '../../support/allclose.ts';

const tensor = (values: number[], shape = [2, 2]) => ({ shape, data: Float64Array.from(values) });

describe('toBeAllclose', () => {
  it('accepts differences up to a share of the largest expected magnitude', () => {
    expect(tensor([1, 2, 3, 10.009])).toBeAllclose(tensor([1.009, 2, 3, 10]), { rtol: 1e-3 });
  });

  it('names the tensor and its worst element', () => {
    const compare = () =>
      expect(tensor([1, 2.1, 3.5, 4])).toBeAllclose(tensor([1, 2, 3, 4]), { rtol: 0.01, name: 'logits' });
    expect(compare).toThrow('logits[1, 0]: must be 3, got 3.5 (off by 5.00e-1, allowed 4.00e-2)');
  });

  it('rejects NaN, whatever else is off', () => {
    const compare = () =>
      expect(tensor([1, Number.NaN, 9, 4])).toBeAllclose(tensor([1, 2, 3, 4]), { rtol: 100 });
    expect(compare).toThrow('tensor[0, 1]: must be 2, got NaN');
  });

  it('rejects another shape with the same number of elements', () => {
    const compare = () => expect(tensor([1, 2, 3, 4], [4])).toBeAllclose(tensor([1, 2, 3, 4]), { rtol: 1 });
    expect(compare).toThrow('tensor: shape must be [2, 2], got [4]');
  });
});
