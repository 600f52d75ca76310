import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer } from 'tokenizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { learnVocabulary, specialTokens } from '../../../../deploy/pretraining/train-tokenizer.ts';
import { writeTokenizer } from '../../../../deploy/pretraining/write-tokenizer.ts';

const repeat = (text: string, times: number): string[] => Array.from({ length: times }, () => text);
const texts = [...repeat('low lower lowest [SEP] low', 20), ...repeat('new newer Newest', 20)];

describe('learnVocabulary', () => {
  it('begins with the special tokens, then characters, then merges of the most frequent pair', () => {
    const vocabulary = learnVocabulary(texts, 100);
    expect(vocabulary.slice(0, 5)).toEqual([...specialTokens]);
    expect(vocabulary.slice(5, 14)).toEqual(['N', 'e', 'l', 'n', 'o', 'r', 's', 't', 'w']);
    // `##ow` occurs as often as `lo`: equal counts go in code unit order, and # comes before l.
    expect(vocabulary.slice(23, 27)).toEqual(['##ow', 'low', '##ew', '##er']);
    expect(vocabulary).toContain('lowest');
    expect(vocabulary).not.toContain('SEP');
  });

  it('stops at the size asked for', () => {
    expect(learnVocabulary(texts, 30)).toEqual(learnVocabulary(texts, 100).slice(0, 30));
  });

  it('refuses a size that the characters alone exceed', () => {
    expect(() => learnVocabulary(texts, 10)).toThrow('learnVocabulary: size must be at least 23, got 10');
  });
});

describe('writeTokenizer', () => {
  const directory = mkdtempSync(join(tmpdir(), 'regmean-tokenizer-'));
  let tokenizer: Tokenizer;

  beforeAll(() => {
    writeTokenizer(directory, learnVocabulary([...texts, ...repeat('cafe isn, ( )', 20)], 100), 128);
    tokenizer = Tokenizer.fromFile(join(directory, 'tokenizer.json'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it('gives a tokenizer that frames texts and pairs', async () => {
    const encoding = await tokenizer.encode('low', 'newer');
    expect(encoding.getTokens()).toEqual(['[CLS]', 'low', '[SEP]', 'newer', '[SEP]']);
    expect(encoding.getTypeIds()).toEqual([0, 0, 0, 1, 1]);
    expect(encoding.getIds()[0]).toBe(2);
  });

  it('keeps case, strips accents and reads separators in a text', async () => {
    const encoding = await tokenizer.encode('Newest café [SEP] lowest [MASK]', null, {
      addSpecialTokens: false,
    });
    const tokens = encoding.getTokens();
    expect(tokens.slice(0, 2)).not.toContain('[UNK]');
    expect(tokens.slice(-3)).toEqual(['[SEP]', 'lowest', '[MASK]']);
    expect(await tokenizer.decode(encoding.getIds(), true)).toBe('Newest cafe lowest');
  });

  it('makes a word with an unknown character [UNK]', async () => {
    const encoding = await tokenizer.encode('low 漢', null, { addSpecialTokens: false });
    expect(encoding.getTokens()).toEqual(['low', '[UNK]']);
  });
});
