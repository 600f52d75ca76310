import { describe, expect, it } from 'vitest';
import { poolingMatrix, textSpansOf, tokensOfSpans } from '../../../../deploy/pretraining/word-pooling.ts';

const text = 'one two, three [SEP] four';
const textOf = ({ start, end }: { start: number; end: number }) => text.slice(start, end);

describe('spans of a text', () => {
  it('are its words, then every run of words between separators', () => {
    expect(textSpansOf(text, 10).map(textOf)).toEqual([
      'one',
      'two,',
      'three',
      'four',
      'one two, three',
      'four',
    ]);
  });

  it('are at most so many words, from all over the text', () => {
    expect(textSpansOf(text, 2).map(textOf)).toEqual(['one', 'three', 'one two, three', 'four']);
    expect(textSpansOf('[SEP]', 2)).toEqual([]);
  });
});

describe('tokens of spans', () => {
  // [CLS] one two , th ##ree [SEP], cut before `four`.
  const offsets = [
    [0, 0],
    [0, 3],
    [4, 7],
    [7, 8],
    [9, 11],
    [11, 14],
    [15, 20],
    [0, 0],
  ];

  it('are those within, special tokens left out', () => {
    const spans = textSpansOf(text, 10);
    expect(tokensOfSpans(spans, offsets)).toEqual([[1], [2, 3], [4, 5], [], [1, 2, 3, 4, 5], []]);
  });

  it('are averaged by the matrix, whose rows are zero where there are none', () => {
    const { shape, data } = poolingMatrix([[[1], [0, 2]], [[]]], 3);
    expect(shape).toEqual([2, 2, 3]);
    expect([...data]).toEqual([...[0, 1, 0], ...[0.5, 0, 0.5], ...[0, 0, 0], ...[0, 0, 0]]);
  });
});
