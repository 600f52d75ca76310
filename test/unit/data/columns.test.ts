import { describe, expect, it } from 'vitest';
import { type ColumnNames, withAdvice } from '../../../shared/data/column-names.ts';
import { natureOfColumn } from '../../../shared/data/known-columns.ts';
import { readRows } from '../../../shared/data/read-rows.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { dataFile } from './data-files.ts';

const sentence = 'The cat sat on the mat.';
const other = 'A dog lay beside it.';

const readAll = async (
  records: readonly object[],
  columns: ColumnNames = {},
  task: TaskKind = 'text-classification',
  labelled = true,
) => {
  const lines = records.map((record) => JSON.stringify(record)).join('\n');
  return readRows([await dataFile('rows.jsonl', lines)], { task, labelled }, columns);
};
const read = async (record: object, columns: ColumnNames = {}, task?: TaskKind) =>
  (await readAll([record], columns, task))[0];
const text = (value: string, textPair: string | null = null) => ({ kind: 'text', text: value, textPair });

describe('pairs of texts', () => {
  it.each([
    ['text', 'text_pair'],
    ['sentence1', 'sentence2'],
    ['question1', 'question2'],
    ['premise', 'hypothesis'],
    ['question', 'sentence'],
    ['question', 'passage'],
    ['context', 'question'],
    ['query', 'passage'],
    ['query', 'document'],
    ['text_a', 'text_b'],
    ['title', 'content'],
  ])('are read from %s and %s, whatever order they stand in', async (first, second) => {
    const row = await read({ idx: 3, label: 1, [second]: other, [first]: sentence });
    expect(row?.input).toEqual(text(sentence, other));
  });

  it('are a single text where the second is null or absent', async () => {
    const rows = await readAll([
      { text: sentence, text_pair: null, label: 0 },
      { sentence1: other, label: 1 },
    ]);
    expect(rows.map(({ input }) => input)).toEqual([text(sentence), text(other)]);
  });

  it('leave to language models which text is the target', async () => {
    await expect(readAll([{ title: other, content: sentence }], {}, 'text2text', false)).rejects.toThrow(
      'needs a column "text"',
    );
    const rows = await readAll([{ premise: sentence, hypothesis: other, target: 'yes' }], {}, 'text2text');
    expect(rows[0]?.input).toEqual(text(sentence, other));
  });
});

describe('text that nothing reads', () => {
  it.each([
    [{ text: 'a', question: 'b' }, 'question', 'text'],
    [{ sentence: 'a', context: 'b' }, 'context', 'sentence'],
    [{ text: 'a', title: 'b' }, 'title', 'text'],
    [{ text: 'a', notes_of_nurse: sentence }, 'notes_of_nurse', 'text'],
    [{ text: 'a', body_zh: '今天的天气非常好我们去公园' }, 'body_zh', 'text'],
    [{ text: 'a', sentence: 'b' }, 'sentence', 'text'],
    [{ question: 'a', sentence: 'b', passage: 'c' }, 'passage', 'question" and "sentence'],
  ])('is refused: %j', async (record, column, used) => {
    const error = await read({ ...record, label: 1 }).catch((caught: unknown) => caught);
    expect(String(error)).toContain(
      `rows.jsonl, row 1: column "${column}" must not be left out unsaid, it holds text`,
    );
    expect(String(error)).toContain(`beside "${used}"`);
    const { hint } = error as { hint: string };
    for (const flag of ['--text-column', '--pair-column', '--label-column']) expect(hint).toContain(flag);
  });

  it('is refused in CSV too, and where most values are sentences', async () => {
    const csv = `text,remark,label\na,,0\nb,short,1\nc,"${sentence}",1\nd,"${other}",1\n`;
    const path = await dataFile('rows.csv', csv);
    await expect(readRows([path], { task: 'text-classification', labelled: true })).rejects.toThrow(
      'row 3: column "remark"',
    );
  });

  it('is left out where the user names what is read', async () => {
    const record = { text: sentence, title: other, label: 1 };
    expect((await read(record, { textColumn: 'text' }))?.input).toEqual(text(sentence));
    expect((await read(record, { pairColumn: 'title' }))?.input).toEqual(text(sentence, other));
  });

  it('is no second text where it holds the words of the row', async () => {
    const record = { tokens: ['The', 'cat'], ner_tags: ['O', 'O'] };
    const row = await read({ ...record, text: 'The cat' }, {}, 'token-classification');
    expect(row?.input).toEqual({ kind: 'words', words: ['The', 'cat'] });
    await expect(read({ ...record, question: other }, {}, 'token-classification')).rejects.toMatchObject({
      hint: expect.stringMatching(/--tokens-column .*--tags-column/),
    });
  });

  it('is not looked for beside input_ids', async () => {
    const row = await read({ input_ids: [1, 2], text: sentence, title: other, label: 1 });
    expect(row?.input.kind).toBe('ids');
  });

  it('is none of what is said about a row', async () => {
    const about = {
      ...{
        id: 'a b c d e',
        guid: 'train-1',
        url: 'https://example.org/a',
        source: 'reviews of the year 2012',
      },
      ...{ lang: 'en', split: 'train', label_text: 'not at all good', genre: 'travel', stars: 4, kept: true },
      ...{ pairID: '3b x y', sentence1_parse: '(ROOT (S (NP The cat)))', date: '3 May of this year' },
      ...{ keyword: 'storm', city: 'New York', extra: '{"a": "b c d e"}', answers: ['a b c', 'd e f'] },
    };
    expect((await read({ text: sentence, label: 1, ...about }))?.input).toEqual(text(sentence));
  });

  it.each([
    ['passage', 'text'],
    ['Title', 'text'],
    ['user_id', 'about'],
    ['promptID', 'about'],
    ['data_source', 'about'],
    ['source_text', 'unknown'],
    ['remark', 'unknown'],
  ] as const)('the name %s tells of: %s', (name, nature) => {
    expect(natureOfColumn(name)).toBe(nature);
  });
});

describe('columns that the user names', () => {
  const record = { review: sentence, reply: other, stars: 4, text: 'elsewhere' };

  it('are read whatever else is there', async () => {
    const row = await read(record, { textColumn: 'review', pairColumn: 'reply', labelColumn: 'stars' });
    expect(row).toMatchObject({ input: text(sentence, other), label: 4 });
    const ids = { ...record, input_ids: [1, 2] };
    expect((await read(ids, { textColumn: 'review', labelColumn: 'stars' }))?.input).toEqual(text(sentence));
  });

  it('hold words and tags', async () => {
    const row = await read(
      { words: ['The', 'cat'], pos: ['DT', 'NN'], ner_tags: ['O', 'O'] },
      { tokensColumn: 'words', tagsColumn: 'pos' },
      'token-classification',
    );
    expect(row).toMatchObject({ input: { words: ['The', 'cat'] }, label: ['DT', 'NN'] });
  });

  it('are the target of a text2text row, and left out of predictions without it', async () => {
    const summaries = [{ text: sentence, summary: other }];
    const named = { labelColumn: 'summary' };
    expect((await readAll(summaries, named, 'text2text'))[0]?.label).toBe(other);
    expect((await readAll(summaries, named, 'text2text', false))[0]?.input).toEqual(text(sentence));
    expect(await readAll([{ text: sentence }], named, 'text2text', false)).toHaveLength(1);
  });

  it.each([
    [{ textColumn: 'body' }, 'needs a column "body", got "review", "reply", "stars", "text"'],
    [{ pairColumn: 'body' }, 'needs a column "body", got "review", "reply", "stars", "text"'],
    [
      { textColumn: 'review', labelColumn: 'grade' },
      'needs a column "grade", got "review", "reply", "stars"',
    ],
    [{ textColumn: 'review', pairColumn: 'review' }, '--pair-column: must be a column of its own'],
    [{ tokensColumn: 'review' }, '--tokens-column: text-classification has no such column'],
  ])('must be there and of use: %j', async (columns, message) => {
    await expect(read(record, columns)).rejects.toThrow(message);
  });

  it('are told where none is known', async () => {
    const error = await read({ Body: sentence, Label: 1 }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      hint: 'say which column it is with --text-column, --pair-column, --label-column',
    });
  });

  it('are those of the recipe, unless the agent names its own', () => {
    const advice = { textColumn: 'review', pairColumn: 'reply', labelColumn: 'stars' };
    expect(withAdvice({}, advice)).toEqual(advice);
    expect(withAdvice({ labelColumn: 'grade' }, advice)).toEqual({ ...advice, labelColumn: 'grade' });
    expect(withAdvice({ textColumn: 'body' }, advice)).toEqual({ textColumn: 'body', labelColumn: 'stars' });
    expect(withAdvice({ textColumn: 'body' }, null)).toEqual({ textColumn: 'body' });
  });

  it('may differ from file to file', async () => {
    const north = await dataFile('north.jsonl', JSON.stringify({ body: 'a', text: 'no', label: 1 }));
    const south = await dataFile('south.jsonl', JSON.stringify({ note: 'b', label: 1 }));
    const rows = await readRows(
      [north, south],
      { task: 'text-classification', labelled: true },
      { textColumn: 'body', ofFiles: { [south]: { textColumn: 'note' } } },
    );
    expect(rows.map(({ input }) => input)).toEqual([text('a'), text('b')]);
  });
});
