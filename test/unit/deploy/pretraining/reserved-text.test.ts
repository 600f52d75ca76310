import { describe, expect, it } from 'vitest';
import { reserveTexts } from '../../../../deploy/pretraining/reserved-text.ts';

const reserved = reserveTexts(['Wow... Loved this place.', 'one two three four five six seven eight nine']);

describe('reserveTexts', () => {
  it('finds a text that differs in case and punctuation only', () => {
    expect(reserved('"Wow, loved THIS place!"')).toBe(true);
  });

  it('finds a text that shares a run of eight words', () => {
    expect(reserved('I count: two three four five six seven, eight nine and so on')).toBe(true);
  });

  it('lets pass what shares seven words, or holds a short reserved text', () => {
    expect(reserved('two three four five six seven eight')).toBe(false);
    expect(reserved('wow loved this place a lot')).toBe(false);
  });
});
