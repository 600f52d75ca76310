import { describe, expect, it } from 'vitest';
import { areSpanTags, scoreSpans, spansOf } from '../../../shared/metrics/spans.ts';

const spans = (tags: string) =>
  spansOf(tags.split(' ')).map(({ type, start, end }) => `${type} ${start}-${end}`);

describe('spansOf', () => {
  it.each([
    ['B-PER I-PER O B-LOC', ['PER 0-2', 'LOC 3-4']],
    ['B-PER B-PER I-PER', ['PER 0-1', 'PER 1-3']],
    ['O O', []],
  ])('reads IOB2: %s', (tags, expected) => {
    expect(spans(tags)).toEqual(expected);
  });

  it.each([
    ['I-PER I-PER O I-LOC', ['PER 0-2', 'LOC 3-4']],
    ['I-PER B-PER I-PER', ['PER 0-1', 'PER 1-3']],
  ])('reads IOB1, where B stands only between neighbours of one type: %s', (tags, expected) => {
    expect(spans(tags)).toEqual(expected);
  });

  it.each([
    ['B-PER E-PER S-LOC S-LOC B-ORG I-ORG E-ORG', ['PER 0-2', 'LOC 2-3', 'LOC 3-4', 'ORG 4-7']],
    ['B-PER L-PER U-LOC U-LOC', ['PER 0-2', 'LOC 2-3', 'LOC 3-4']],
    ['B-PER E-PER I-PER', ['PER 0-2', 'PER 2-3']],
    ['S-PER I-PER', ['PER 0-1', 'PER 1-2']],
  ])('reads IOBES and BILOU: %s', (tags, expected) => {
    expect(spans(tags)).toEqual(expected);
  });

  it.each([
    ['B-PER I-LOC', ['PER 0-1', 'LOC 1-2']],
    ['O I-PER', ['PER 1-2']],
    ['I-PER I-LOC I-PER', ['PER 0-1', 'LOC 1-2', 'PER 2-3']],
  ])('mends what does not fit together as the CoNLL scorer does: %s', (tags, expected) => {
    expect(spans(tags)).toEqual(expected);
  });

  it('keeps types that hold a hyphen', () => {
    expect(spans('B-WORK-OF-ART I-WORK-OF-ART')).toEqual(['WORK-OF-ART 0-2']);
  });
});

describe('scoreSpans', () => {
  it('counts a span as right only with both borders and the type', () => {
    // Gold: PER 0-2, LOC 3-4; ORG 0-1. Predicted: PER 0-2, LOC 2-4 (border); PER 0-1 (type), LOC 2-3 (not there).
    const gold = ['B-PER I-PER O B-LOC', 'B-ORG O O'].map((tags) => tags.split(' '));
    const predicted = ['B-PER I-PER B-LOC I-LOC', 'B-PER O B-LOC'].map((tags) => tags.split(' '));
    const scores = scoreSpans(predicted, gold);
    expect(scores).toMatchObject({ correct: 1, predicted: 4, gold: 3, precision: 1 / 4, recall: 1 / 3 });
    expect(scores.f1).toBeCloseTo((2 * 1) / (4 + 3), 14);
  });

  it('does not join spans of neighbouring sentences', () => {
    const tags = [['I-PER'], ['I-PER']];
    expect(scoreSpans(tags, tags)).toMatchObject({ correct: 2, f1: 1 });
  });

  it('is 0 without any span', () => {
    expect(scoreSpans([['O']], [['O']])).toMatchObject({ precision: 0, recall: 0, f1: 0 });
  });
});

describe('areSpanTags', () => {
  it('tells span schemes from other tags', () => {
    expect(areSpanTags(['B-PER', 'I-PER', 'O'])).toBe(true);
    expect(areSpanTags(['S-X', 'E-X', 'B-X', 'I-X', 'O'])).toBe(true);
    expect(areSpanTags(['NOUN', 'VERB', 'O'])).toBe(false);
    expect(areSpanTags(['O'])).toBe(false);
    expect(areSpanTags(['B-PER', 'LABEL_0'])).toBe(false);
  });
});
