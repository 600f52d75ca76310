import { describe, expect, it } from 'vitest';
import { areSpanTags, scoreSpans, spansOf } from '../../../shared/metrics/spans.ts';
import { createRandom } from '../../../shared/random.ts';

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
    // Gold: PER 0-2, LOC 3-4; ORG 0-1. Predicted: PER 0-2, LOC 2-4 (border); PER 0-1 (type), LOC
    // 2-3 (not there).
    const gold = ['B-PER I-PER O B-LOC', 'B-ORG O O'].map((tags) => tags.split(' '));
    const predicted = ['B-PER I-PER B-LOC I-LOC', 'B-PER O B-LOC'].map((tags) => tags.split(' '));
    const scores = scoreSpans({ predicted, gold });
    expect(scores).toMatchObject({ correct: 1, predicted: 4, gold: 3, precision: 1 / 4, recall: 1 / 3 });
    expect(scores.f1).toBeCloseTo((2 * 1) / (4 + 3), 14);
  });

  it('does not join spans of neighbouring sentences', () => {
    const tags = [['I-PER'], ['I-PER']];
    expect(scoreSpans({ predicted: tags, gold: tags })).toMatchObject({ correct: 2, f1: 1 });
  });

  it('is 0 without any span', () => {
    expect(scoreSpans({ predicted: [['O']], gold: [['O']] })).toMatchObject({
      precision: 0,
      recall: 0,
      f1: 0,
    });
  });
});

describe('the CoNLL scorer', () => {
  // Its decisions for B, I and O, tag by tag, as tables: whether a span ends before a tag, and
  // whether one starts.
  const endsBefore = new Set(['BB', 'BO', 'IB', 'IO']);
  const startsAt = new Set(['BB', 'IB', 'OB', 'OI']);
  const bordersOf = (tags: readonly string[]): string[] => {
    const found: string[] = [];
    let start = -1;
    for (let position = 0; position <= tags.length; position++) {
      const [previous = 'O', previousType = ''] = (tags[position - 1] ?? 'O').split('-');
      const [tag = 'O', type = ''] = (tags[position] ?? 'O').split('-');
      const changed = previousType !== type;
      const ends = endsBefore.has(previous + tag) || (previous !== 'O' && changed);
      if (start >= 0 && ends) found.push(`${previousType} ${start}-${position}`);
      if (ends) start = -1;
      if (startsAt.has(previous + tag) || (tag !== 'O' && changed)) start = position;
    }
    return found;
  };

  it('finds the same spans in any sequence of B, I and O', () => {
    const random = createRandom(1);
    const kinds = ['O', 'B-X', 'I-X', 'B-Y', 'I-Y'];
    for (let sequence = 0; sequence < 500; sequence++) {
      const tags = Array.from({ length: 1 + Math.floor(random() * 8) }, () =>
        String(kinds[Math.floor(random() * kinds.length)]),
      );
      expect(spans(tags.join(' ')), tags.join(' ')).toEqual(bordersOf(tags));
    }
  });

  it('reads one text alike in IOB1, IOB2, IOBES and BILOU', () => {
    const texts = [
      'I-PER I-PER B-PER O I-LOC I-LOC I-LOC I-ORG',
      'B-PER I-PER B-PER O B-LOC I-LOC I-LOC B-ORG',
      'B-PER E-PER S-PER O B-LOC I-LOC E-LOC S-ORG',
      'B-PER L-PER U-PER O B-LOC I-LOC L-LOC U-ORG',
    ];
    for (const text of texts) expect(spans(text)).toEqual(['PER 0-2', 'PER 2-3', 'LOC 4-7', 'ORG 7-8']);
  });

  it('scores the example of seqeval, which follows it: F1 0.5', () => {
    const gold = ['O O O B-MISC I-MISC I-MISC O', 'B-PER I-PER O'].map((tags) => tags.split(' '));
    const predicted = ['O O B-MISC I-MISC I-MISC I-MISC O', 'B-PER I-PER O'].map((tags) => tags.split(' '));
    expect(scoreSpans({ predicted, gold })).toMatchObject({ correct: 1, predicted: 2, gold: 2, f1: 0.5 });
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
