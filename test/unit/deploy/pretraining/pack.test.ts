import { describe, expect, it } from 'vitest';
import { countWords, packTexts } from '../../../../deploy/pretraining/pack.ts';

describe('packTexts', () => {
  it('joins neighbours while they fit and starts anew when they do not', () => {
    expect(packTexts(['a b', 'c', 'd e f', 'g'], ' ', 3)).toEqual(['a b c', 'd e f', 'g']);
  });

  it('keeps a text that is too long by itself', () => {
    expect(packTexts(['a', 'b c d e', 'f'], ' [SEP] ', 2)).toEqual(['a', 'b c d e', 'f']);
  });
});

describe('countWords', () => {
  it('counts words and punctuation marks', () => {
    expect(countWords("The café isn't open, 24/7.")).toBe(11);
  });
});
