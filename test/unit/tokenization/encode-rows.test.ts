import { describe, expect, it } from 'vitest';
import { createLabelSpace } from '../../../shared/data/label-space.ts';
import type { RawLabel, Row, RowInput } from '../../../shared/data/row.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { encodeRows, needsTokenizer } from '../../../shared/tokenization/encode-rows.ts';
import { loadTokenizer } from '../../../shared/tokenization/load-tokenizer.ts';
import { bertTokenizerJson, folderWith, gpt2TokenizerJson } from './tokenizer-folders.ts';

const loadTokenizerOf = async (json: object) => loadTokenizer(await folderWith({ 'tokenizer.json': json }));
const tokenizer = await loadTokenizer(
  await folderWith({
    'tokenizer.json': bertTokenizerJson,
    'config.json': { model_type: 'bert', max_position_embeddings: 12 },
  }),
);
const row = (input: RowInput, label: RawLabel = null, line = 1): Row => ({
  source: { file: 'rows.jsonl', row: line },
  input,
  label,
});
const text = (value: string, textPair: string | null = null): RowInput => ({
  kind: 'text',
  text: value,
  textPair,
});
const words = (...own: string[]): RowInput => ({ kind: 'words', words: own });
const ids = (...inputIds: number[]): RowInput => ({
  kind: 'ids',
  inputIds,
  tokenTypeIds: null,
  attentionMask: null,
});
const tags = createLabelSpace(['B-LOC', 'O']);

describe('encodeRows', () => {
  it('tokenizes text and pairs and maps class names, in the order of the rows', async () => {
    const rows = [row(text('great !'), 'pos'), row(text('the film', 'was'), 'neg', 2)];
    const { examples, truncated } = await encodeRows(
      rows,
      'text-classification',
      tokenizer,
      createLabelSpace(['neg', 'pos']),
      { maxLength: 32 },
    );
    expect(examples).toEqual([
      {
        inputIds: Int32Array.of(2, 11, 12, 3),
        tokenTypeIds: new Int32Array(4),
        attentionMask: Int32Array.of(1, 1, 1, 1),
        labels: { kind: 'class', id: 1 },
        wordPositions: null,
        source: { file: 'rows.jsonl', row: 1 },
      },
      {
        inputIds: Int32Array.of(2, 5, 6, 3, 7, 3),
        tokenTypeIds: Int32Array.of(0, 0, 0, 0, 1, 1),
        attentionMask: Int32Array.of(1, 1, 1, 1, 1, 1),
        labels: { kind: 'class', id: 0 },
        wordPositions: null,
        source: { file: 'rows.jsonl', row: 2 },
      },
    ]);
    expect(truncated).toBe(0);
  });

  it("puts a word's label on its first token and -100 on all others", async () => {
    const rows = [row(words('unwatchable', 'Paris', '!'), ['O', 'B-LOC', 'O'])];
    const { examples } = await encodeRows(rows, 'token-classification', tokenizer, tags, { maxLength: 32 });
    // [CLS] un ##watch ##able paris ! [SEP]
    expect(examples[0]?.labels).toEqual({
      kind: 'tags',
      ids: Int32Array.of(-100, 1, -100, -100, 0, 1, -100),
    });
    expect(examples[0]?.wordPositions).toEqual(Int32Array.of(1, 4, 5));
  });

  it('passes on what is to be known of words, where there are any', async () => {
    const bytes = await loadTokenizerOf(gpt2TokenizerJson);
    const notesOn = async (input: RowInput) =>
      (await encodeRows([row(input)], 'masked-lm', bytes, null, { maxLength: 8 })).notes;
    expect(await notesOn(words('ab'))).toEqual([bytes.noteOnWords]);
    expect(await notesOn(text('ab'))).toEqual([]);
  });

  it("cuts to the smaller of the caller's and the model's limit and counts the cut rows", async () => {
    const long = 'a b c d e a b c d e a b c d e';
    const cut = async (maxLength: number) => {
      const { examples, truncated } = await encodeRows(
        [row(text(long)), row(text('a'))],
        'masked-lm',
        tokenizer,
        null,
        { maxLength },
      );
      return [examples[0]?.inputIds.length, truncated];
    };
    expect(await cut(9)).toEqual([9, 1]);
    expect(await cut(512)).toEqual([12, 1]);
  });

  it('drops the labels of words that were cut off', async () => {
    const own = ['a', 'b', 'c', 'd', 'e', 'Paris', 'Paris'];
    const rows = [row(words(...own), ['O', 'O', 'O', 'O', 'O', 'B-LOC', 'B-LOC'])];
    const { examples } = await encodeRows(rows, 'token-classification', tokenizer, tags, { maxLength: 8 });
    expect(examples[0]?.labels).toEqual({ kind: 'tags', ids: Int32Array.of(-100, 1, 1, 1, 1, 1, 0, -100) });
  });

  it('takes rows of input_ids as they are, without a tokenizer', async () => {
    const given: RowInput = {
      kind: 'ids',
      inputIds: [2, 5, 3, 0],
      tokenTypeIds: [0, 1, 1, 0],
      attentionMask: [1, 1, 1, 0],
    };
    const rows = [row(given, [-100, 'O', -100, -100]), row(ids(2, 3), [1, 1])];
    expect(needsTokenizer(rows, 'token-classification')).toBe(false);
    const { examples } = await encodeRows(rows, 'token-classification', null, tags, { maxLength: 32 });
    expect(examples[0]).toMatchObject({
      inputIds: Int32Array.of(2, 5, 3, 0),
      tokenTypeIds: Int32Array.of(0, 1, 1, 0),
      attentionMask: Int32Array.of(1, 1, 1, 0),
      labels: { kind: 'tags', ids: Int32Array.of(-100, 1, -100, -100) },
    });
    expect(examples[1]?.attentionMask).toEqual(Int32Array.of(1, 1));
  });

  it('rejects input_ids that are too long or outside the vocabulary', async () => {
    const rows = [
      row(ids(...new Array(9).fill(2)), null, 4),
      row(ids(2, 22), null, 5),
      row(ids(2, 21), null, 6),
    ];
    const error = await encodeRows(rows, 'masked-lm', null, null, { maxLength: 8, vocabSize: 22 }).catch(
      String,
    );
    expect(error).toContain('2 bad rows:');
    expect(error).toContain('row 4: input_ids: must be at most 8 tokens, got 9');
    expect(error).toContain('row 5: input_ids: must be below the vocabulary size 22, got 22');
  });

  it('rejects what the model has no embedding of, in every column', async () => {
    const given = { kind: 'ids', inputIds: [2, 5, 3], attentionMask: null } as const;
    const rows = [
      row({ ...given, tokenTypeIds: [0, 1, 2] }, null, 4),
      row({ ...given, tokenTypeIds: null, decoderInputIds: [1, 30] }, null, 5),
      row({ ...given, tokenTypeIds: [0, 1, 1] }, [2, 5, 30], 6),
      row({ ...given, tokenTypeIds: null }, [2, -5, 3], 7),
      row({ ...given, tokenTypeIds: [0, 1, 1] }, [-100, 5, 3], 8),
    ];
    const limits = { maxLength: 8, vocabSize: 22, typeVocabSize: 2 };
    const error = await encodeRows(rows, 'causal-lm', null, null, limits).catch(String);
    expect(error).toContain('4 bad rows:');
    expect(error).toContain('row 4: token_type_ids: must be below 2, the token types of the model, got 2');
    expect(error).toContain('row 5: decoder_input_ids: must be below the vocabulary size 22, got 30');
    expect(error).toContain('row 6: labels: must be -100 or below the vocabulary size 22, got 30');
    expect(error).toContain('row 7: labels: must be -100 or below the vocabulary size 22, got -5');
    const one = encodeRows([rows[4] as Row], 'masked-lm', null, null, { ...limits, typeVocabSize: 1 });
    await expect(one).rejects.toThrow('token_type_ids: must be 0, the one token type of the model, got 1');
  });

  it('rejects a tokenizer with more token types than the model', async () => {
    const rows = [row(text('the film'), null, 3), row(text('the film', 'was'), null, 4)];
    await expect(
      encodeRows(rows, 'masked-lm', tokenizer, null, { maxLength: 32, typeVocabSize: 1 }),
    ).rejects.toThrow('row 4: the tokenizer gives token type 1, must be below the 1 types of the model');
  });

  it('rejects text without a tokenizer', async () => {
    const rows = [row(ids(2, 3)), row(text('a'), null, 2)];
    expect(needsTokenizer(rows, 'masked-lm')).toBe(true);
    await expect(encodeRows(rows, 'masked-lm', null, null, { maxLength: 32 })).rejects.toThrow(
      'rows.jsonl, row 2: needs a tokenizer, got none with the model',
    );
  });

  it.each([7, 0, Number.NaN])('rejects a maximum length of %d', async (maxLength) => {
    await expect(encodeRows([row(text('a'))], 'masked-lm', tokenizer, null, { maxLength })).rejects.toThrow(
      `max length: must be at least 8 tokens, got ${maxLength}`,
    );
  });
});

describe('a row that gives no token', () => {
  const withoutSpecialTokens = loadTokenizerOf(gpt2TokenizerJson);
  const encode = async (task: TaskKind, rows: readonly Row[], own = tokenizer) =>
    encodeRows(rows, task, own, null, { maxLength: 8 });

  it.each<[string, RowInput, string]>([
    ['an empty text', text(''), 'text: must give at least one token, got none from ""'],
    ['a pair of empty texts', text('', ''), 'text: must give at least one token, got none from ""'],
    ['words of nothing', words('', ''), 'tokens: must give at least one token, got none from ["",""]'],
  ])('is refused where the tokenizer adds none: %s', async (_, input, problem) => {
    const rows = [row(text('ab')), row(input, null, 2)];
    await expect(encode('masked-lm', rows, await withoutSpecialTokens)).rejects.toMatchObject({
      code: 'invalid-input',
      message: `rows.jsonl, row 2: ${problem}`,
      hint: 'the tokenizer leaves nothing of such a row: take it out of the file, or give it a text',
    });
  });

  it('is refused as a target', async () => {
    const result = encode('text2text', [row(text('ab'), '', 3)], await withoutSpecialTokens);
    await expect(result).rejects.toThrow(
      'rows.jsonl, row 3: target: must give at least one token, got none from ""',
    );
  });

  it('is one of its special tokens alone where the tokenizer adds some', async () => {
    const { examples } = await encode('token-classification', [row(text('')), row(words('\u200b'))]);
    expect(examples.map(({ inputIds }) => [...inputIds])).toEqual([
      [2, 3],
      [2, 3],
    ]);
  });

  it('is not a pair of which one text is empty', async () => {
    const rows = [row(text('', 'ab')), row(text('ab', ''))];
    const { examples } = await encode('masked-lm', rows, await withoutSpecialTokens);
    expect(examples.map(({ inputIds }) => [...inputIds])).toEqual([[11], [11]]);
  });
});

describe('a tokenizer of another vocabulary', () => {
  it.each([
    ['text', text('great !'), 11],
    ['words', words('the', 'great'), 11],
  ])('is told by its tokens of %s', async (_, input, id) => {
    const rows = [row(text('the film')), row(input, null, 2)];
    const result = encodeRows(rows, 'text-classification', tokenizer, null, {
      maxLength: 12,
      vocabSize: 11,
    });
    await expect(result).rejects.toMatchObject({
      message: `rows.jsonl, row 2: the tokenizer gives token ${id}, must be below the vocabulary size 11 of the model`,
      hint: 'tokenizer and model do not belong together: take both from the same folder',
    });
  });

  it('is told by its tokens of targets', async () => {
    const rows = [row(ids(2, 3), 'great')];
    const result = encodeRows(rows, 'text2text', tokenizer, null, { maxLength: 12, vocabSize: 11 });
    await expect(result).rejects.toMatchObject({
      message:
        'rows.jsonl, row 1: the tokenizer gives token 11, must be below the vocabulary size 11 of the model',
      hint: 'tokenizer and model do not belong together: take both from the same folder',
    });
  });
});
