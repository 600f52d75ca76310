import { describe, expect, it } from 'vitest';
import { encodeLabels } from '../../../shared/data/encode-labels.ts';
import { collectLabels, createLabelSpace } from '../../../shared/data/label-space.ts';
import type { RawLabel } from '../../../shared/data/row.ts';
import { labelledRows } from './data-files.ts';

const collect = (labels: RawLabel[], task: Parameters<typeof collectLabels>[1] = 'text-classification') =>
  collectLabels(labelledRows(labels), task)?.names;

describe('collectLabels', () => {
  it('sorts names, whatever their order in the data', () => {
    expect(collect(['sports', 'Art', 'news', 'sports'])).toEqual(['Art', 'news', 'sports']);
  });

  it('takes integers as indices, also as digits, and names the classes up to the largest', () => {
    expect(collect([2, 0])).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
    expect(collect(['1', '0'])).toEqual(['LABEL_0', 'LABEL_1']);
  });

  it('takes 1.0, as pandas writes integers of a column with gaps, for an integer', () => {
    expect(collect(['1.0', '0.0', '3'])).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2', 'LABEL_3']);
  });

  it('takes truth values, however they are written, for the classes false and true', () => {
    expect(collect(['true', 'true'])).toEqual(['false', 'true']);
    expect(collect(['True', 'FALSE'])).toEqual(['false', 'true']);
    expect(collect(['true', 'unknown'])).toEqual(['true', 'unknown']);
    expect(() => collect(['true', 1])).toThrow('got 1 beside "true"');
  });

  it('gathers tags of sentences without the ignored index', () => {
    expect(collect([['O', 'B-PER'], ['I-PER']], 'token-classification')).toEqual(['B-PER', 'I-PER', 'O']);
    expect(collect([[-100, 1]], 'token-classification')).toEqual(['LABEL_0', 'LABEL_1']);
  });

  it('tells 0/1 vectors from lists of indices by all rows together', () => {
    expect(
      collect(
        [
          [0, 1, 0],
          [0, 0, 0],
        ],
        'multi-label-classification',
      ),
    ).toHaveLength(3);
    expect(collect([[0, 1], [4]], 'multi-label-classification')).toHaveLength(5);
    expect(collect([['joy'], [], ['fear', 'joy']], 'multi-label-classification')).toEqual(['fear', 'joy']);
  });

  it('is null for tasks without classes', () => {
    expect(collectLabels(labelledRows([1.5]), 'regression')).toBeNull();
  });

  it('rejects names beside integers, negative indices and no labels at all', () => {
    expect(() => collect(['pos', 1])).toThrow(
      'row 2: labels must be all names or all integers, got 1 beside "pos"',
    );
    expect(() => collect([0, -1])).toThrow(
      'rows.jsonl, row 2: a class index must be from 0 to 99999, got -1',
    );
    expect(() => collect([null])).toThrow('labels: rows must have labels, got none');
  });
});

describe('a label space', () => {
  it('reads 1.0 as 1, where classes have numbers for names too', () => {
    expect(['1.0', '0.00'].map(createLabelSpace(['neg', 'pos']).idOf)).toEqual([1, 0]);
    const stars = createLabelSpace(['1.0', '2', '3']);
    expect([1, '2.0', '3', '1.0', 0].map(stars.idOf)).toEqual([0, 1, 2, 0, null]);
  });

  it('reads truth values as classes of that name, else as the second of two', () => {
    expect(['true', 'False'].map(createLabelSpace(['True', 'False']).idOf)).toEqual([0, 1]);
    expect(['true', 'False', 1].map(createLabelSpace(['neg', 'pos']).idOf)).toEqual([1, 0, 1]);
    expect(['true', 'false'].map(createLabelSpace(['1', '0']).idOf)).toEqual([0, 1]);
    expect(createLabelSpace(['a', 'b', 'c']).idOf('true')).toBeNull();
  });

  it('looks up names first and integers as indices', () => {
    const space = createLabelSpace(['neg', 'pos']);
    expect(['pos', 'neg', 1, '0'].map((label) => space.idOf(label))).toEqual([1, 0, 1, 0]);
    expect(['neutral', 2, '2', -1, 'toString'].map((label) => space.idOf(label))).toEqual([
      null,
      null,
      null,
      null,
      null,
    ]);
  });

  it('takes no number for an index where names are numbers themselves', () => {
    const space = createLabelSpace(['1', '2', '3']);
    expect([1, '3', 0].map((label) => space.idOf(label))).toEqual([0, 2, null]);
  });

  it('rejects names that are missing, empty or repeated', () => {
    expect(() => createLabelSpace([])).toThrow('labels: needs at least one class, got none');
    expect(() => createLabelSpace(['a', ''])).toThrow('labels: names must not be empty');
    expect(() => createLabelSpace(['a', 'b', 'a'])).toThrow('labels: names must differ, got "a" twice');
  });
});

describe('encodeLabels', () => {
  const abc = createLabelSpace(['a', 'b', 'c']);

  it('names the row and the known labels when a label is not among them', () => {
    const rows = labelledRows(['a', 'd', 7]);
    const error = (() => {
      try {
        return encodeLabels(rows, 'text-classification', abc);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toMatchObject({
      code: 'invalid-input',
      message:
        '2 bad rows:\n  rows.jsonl, row 2: label "d" is not one of the known labels' +
        '\n  rows.jsonl, row 3: label 7 is not one of the known labels',
      hint: 'known labels: "a", "b", "c"',
    });
  });

  it('makes 0/1 vectors from names, indices and vectors', () => {
    const flags = (...values: number[]) => ({ kind: 'flags', flags: Float32Array.from(values) });
    const encode = (labels: RawLabel[]) =>
      encodeLabels(labelledRows(labels), 'multi-label-classification', abc);
    expect(encode([['c', 'a'], []])).toEqual([flags(1, 0, 1), flags(0, 0, 0)]);
    expect(encode([[2, 0], [1]])).toEqual([flags(1, 0, 1), flags(0, 1, 0)]);
    expect(
      encode([
        [0, 1, 1],
        [0, 0, 0],
      ]),
    ).toEqual([flags(0, 1, 1), flags(0, 0, 0)]);
  });

  it('rejects a vector of another length', () => {
    const rows = labelledRows([
      [0, 1, 1],
      [0, 1, 0, 1],
    ]);
    expect(() => encodeLabels(rows, 'multi-label-classification', abc)).toThrow(
      'row 1: label 1 stands twice (0/1 vectors must have 3 values in every row)',
    );
  });

  it('keeps the ignored index of token labels', () => {
    const rows = labelledRows([['b', -100, 'a']]);
    expect(encodeLabels(rows, 'token-classification', abc)).toEqual([
      { kind: 'tags', ids: Int32Array.of(1, -100, 0) },
    ]);
    expect(() => encodeLabels(labelledRows([['b', 'x']]), 'token-classification', abc)).toThrow('label "x"');
  });

  it('passes regression values through and leaves unlabelled rows unlabelled', () => {
    expect(encodeLabels(labelledRows([0.5, null]), 'regression', null)).toEqual([
      { kind: 'value', value: 0.5 },
      null,
    ]);
  });
});
