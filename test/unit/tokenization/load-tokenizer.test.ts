import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../../shared/tokenization/load-tokenizer.ts';
import {
  bertTokenizerJson,
  debertaTokenizerJson,
  folderWith,
  robertaTokenizerJson,
  wordPieces,
} from './tokenizer-folders.ts';

const bert = async (files: Record<string, unknown> = {}) =>
  loadTokenizer(await folderWith({ 'tokenizer.json': bertTokenizerJson, ...files }));
const roberta = async () =>
  loadTokenizer(
    await folderWith({
      'tokenizer.json': robertaTokenizerJson,
      'tokenizer_config.json': { model_max_length: 512 },
      'config.json': {
        model_type: 'roberta',
        max_position_embeddings: 42,
        pad_token_id: 1,
        type_vocab_size: 1,
      },
    }),
  );
const deberta = async (typeVocabSize = 0) =>
  loadTokenizer(
    await folderWith({
      'tokenizer.json': debertaTokenizerJson,
      'config.json': {
        model_type: 'deberta-v2',
        max_position_embeddings: 16,
        pad_token_id: 0,
        type_vocab_size: typeVocabSize,
      },
    }),
  );
const text = (value: string, textPair: string | null = null) => ({ text: value, textPair });

describe('a WordPiece tokenizer.json', () => {
  it('splits words into pieces between the special tokens', async () => {
    const tokenizer = await bert();
    const [encoding] = await tokenizer.encodeTexts([text('The FILM was unwatchable!')], 64);
    // [CLS] the film was un ##watch ##able ! [SEP]
    expect([...(encoding?.inputIds ?? [])]).toEqual([2, 5, 6, 7, 8, 9, 10, 12, 3]);
    expect(encoding?.truncated).toBe(false);
  });

  it('marks the second text of a pair with token type 1', async () => {
    const tokenizer = await bert();
    const [encoding] = await tokenizer.encodeTexts([text('the film', 'great !')], 64);
    expect([...(encoding?.inputIds ?? [])]).toEqual([2, 5, 6, 3, 11, 12, 3]);
    expect([...(encoding?.tokenTypeIds ?? [])]).toEqual([0, 0, 0, 0, 1, 1, 1]);
  });

  it('cuts the longer text of a pair first', async () => {
    const tokenizer = await bert();
    const [longFirst, longSecond] = await tokenizer.encodeTexts(
      [text('a b c d e', 'a b'), text('a', 'a b c d e')],
      7,
    );
    expect([...(longFirst?.inputIds ?? [])]).toEqual([2, 14, 15, 3, 14, 15, 3]);
    expect([...(longSecond?.inputIds ?? [])]).toEqual([2, 14, 3, 14, 15, 16, 3]);
    expect([longFirst?.truncated, longSecond?.truncated]).toEqual([true, true]);
  });

  it('takes one text and pairs in the same call, and says which were cut', async () => {
    const tokenizer = await bert();
    const encodings = await tokenizer.encodeTexts(
      [text('a b c'), text('a', 'b'), text('a b c d e a b c d e')],
      8,
    );
    expect(encodings.map(({ inputIds }) => inputIds.length)).toEqual([5, 5, 8]);
    expect(encodings.map(({ truncated }) => truncated)).toEqual([false, false, true]);
  });

  it('keeps calls with different maximum lengths apart', async () => {
    const tokenizer = await bert();
    const lengths = await Promise.all(
      [8, 9, 10, 64].map(async (maxLength) => {
        const [encoding] = await tokenizer.encodeTexts([text('a b c d e a b c d e')], maxLength);
        return encoding?.inputIds.length;
      }),
    );
    expect(lengths).toEqual([8, 9, 10, 12]);
  });

  it('tells the first token of each word, and -1 for words that leave none', async () => {
    const tokenizer = await bert();
    const [encoding] = await tokenizer.encodeWords([['unwatchable', '\u200b', "don't", 'Paris']], 64);
    // [CLS] un ##watch ##able don ' t paris [SEP]
    expect([...(encoding?.inputIds ?? [])]).toEqual([2, 8, 9, 10, 20, 19, 21, 13, 3]);
    expect([...(encoding?.wordPositions ?? [])]).toEqual([1, -1, 4, 7]);
  });

  it('cuts words at the maximum length, also inside a word', async () => {
    const tokenizer = await bert();
    const [encoding] = await tokenizer.encodeWords([['the', 'film', 'was', 'a', 'b', 'unwatchable', 'c']], 8);
    expect([...(encoding?.inputIds ?? [])]).toEqual([2, 5, 6, 7, 14, 15, 8, 3]);
    expect([...(encoding?.wordPositions ?? [])]).toEqual([1, 2, 3, 4, 5, 6, -1]);
    expect(encoding?.truncated).toBe(true);
  });

  it('decodes without special tokens', async () => {
    const tokenizer = await bert();
    expect(await tokenizer.decode([2, 5, 6, 7, 8, 9, 10, 12, 3, 0])).toBe('the film was unwatchable!');
  });

  it('knows its limit', async () => {
    const tokenizer = await bert({
      'config.json': { model_type: 'bert', max_position_embeddings: 40, type_vocab_size: 2 },
      'tokenizer_config.json': { model_max_length: 1e30 },
    });
    expect(tokenizer.maxLength).toBe(40);
  });

  it('knows no limit where the files name none', async () => {
    const tokenizer = await bert({ 'tokenizer_config.json': { model_max_length: 1e30 } });
    expect(tokenizer.maxLength).toBe(Number.POSITIVE_INFINITY);
    const [encoding] = await tokenizer.encodeTexts([text('a '.repeat(3000))], tokenizer.maxLength);
    expect(encoding?.inputIds.length).toBe(3002);
  });

  it('gives token type 0 throughout to a model with one token type', async () => {
    const tokenizer = await bert({
      'tokenizer_config.json': { model_input_names: ['input_ids', 'attention_mask'] },
    });
    const [encoding] = await tokenizer.encodeTexts([text('a', 'b')], 64);
    expect([...(encoding?.tokenTypeIds ?? [])]).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('a byte-level BPE tokenizer.json', () => {
  it('knows the space before a word', async () => {
    const tokenizer = await roberta();
    const [encoding] = await tokenizer.encodeTexts([text('ab ab a')], 64);
    // <s> ab Ġab Ġa </s>
    expect([...(encoding?.inputIds ?? [])]).toEqual([0, 11, 12, 9, 2]);
  });

  it('puts two separators between the texts of a pair', async () => {
    const tokenizer = await roberta();
    const [encoding] = await tokenizer.encodeTexts([text('ab', 'a')], 64);
    expect([...(encoding?.inputIds ?? [])]).toEqual([0, 11, 2, 2, 5, 2]);
    expect([...(encoding?.tokenTypeIds ?? [])]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('leaves out the positions below the padding id', async () => {
    const tokenizer = await roberta();
    expect(tokenizer.maxLength).toBe(40);
  });
});

describe('a Unigram tokenizer.json', () => {
  it('takes the most probable split of each word, after normalizing and marking spaces', async () => {
    const tokenizer = await deberta();
    const [encoding] = await tokenizer.encodeTexts([text('  the   unwatchable film! ')], 64);
    // [CLS] ▁the ▁un watchable ▁film ! [SEP]
    expect([...(encoding?.inputIds ?? [])]).toEqual([1, 5, 7, 11, 6, 12, 2]);
  });

  it('gives the unknown token for what no piece covers', async () => {
    const tokenizer = await deberta();
    const [encoding] = await tokenizer.encodeTexts([text('the ü')], 64);
    expect([...(encoding?.inputIds ?? [])]).toEqual([1, 5, 4, 3, 2]);
  });

  it('marks the second text of a pair where the model knows token types, and cuts the longer text', async () => {
    const [without] = await (await deberta()).encodeTexts([text('a b a b a b', 'b a')], 8);
    const [withTypes] = await (await deberta(2)).encodeTexts([text('a b a b a b', 'b a')], 8);
    expect([...(without?.inputIds ?? [])]).toEqual([1, 15, 16, 15, 2, 16, 15, 2]);
    expect([...(without?.tokenTypeIds ?? [])]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect([...(withTypes?.tokenTypeIds ?? [])]).toEqual([0, 0, 0, 0, 0, 1, 1, 1]);
    expect(without?.truncated).toBe(true);
  });

  it('reads every word of a split sentence as one after a space, and tells its first token', async () => {
    const tokenizer = await deberta();
    const [whole, cut] = [64, 5].map((maxLength) =>
      tokenizer.encodeWords([['the', 'unwatchable', '!', 'film']], maxLength),
    );
    // [CLS] ▁the ▁un watchable ▁ ! ▁film [SEP]
    expect([...((await whole)?.[0]?.inputIds ?? [])]).toEqual([1, 5, 7, 11, 4, 12, 6, 2]);
    expect([...((await whole)?.[0]?.wordPositions ?? [])]).toEqual([1, 2, 4, 6]);
    expect([...((await cut)?.[0]?.inputIds ?? [])]).toEqual([1, 5, 7, 11, 2]);
    expect([...((await cut)?.[0]?.wordPositions ?? [])]).toEqual([1, 2, -1, -1]);
  });

  it('knows its limit and text', async () => {
    const tokenizer = await deberta();
    expect(tokenizer.maxLength).toBe(16);
    expect(await tokenizer.decode([1, 5, 7, 11, 6, 12, 2])).toBe('the unwatchable film!');
  });
});

describe('a folder with only vocab.txt', () => {
  const vocabulary = `${wordPieces.join('\n')}\n`;

  it('encodes as the tokenizer.json of the same vocabulary', async () => {
    const built = await loadTokenizer(await folderWith({ 'vocab.txt': vocabulary }));
    const loaded = await bert();
    const inputs = ['The FILM was unwatchable!', 'héllo Paris [MASK] [SEP] 中', "don't"].map((line) =>
      text(line, 'a b'),
    );
    const ids = async (tokenizer: typeof built) =>
      (await tokenizer.encodeTexts(inputs, 32)).map(({ inputIds, tokenTypeIds }) => [
        [...inputIds],
        [...tokenTypeIds],
      ]);
    expect(await ids(built)).toEqual(await ids(loaded));
  });

  it('keeps the case when do_lower_case is false', async () => {
    const dir = await folderWith({
      'vocab.txt': vocabulary,
      'tokenizer_config.json': { do_lower_case: false },
    });
    const [encoding] = await (await loadTokenizer(dir)).encodeTexts([text('The film')], 32);
    expect([...(encoding?.inputIds ?? [])]).toEqual([2, 1, 6, 3]);
  });

  it('rejects a vocabulary without the separator', async () => {
    const dir = await folderWith({ 'vocab.txt': '[PAD]\n[UNK]\n[CLS]\na\n' });
    await expect(loadTokenizer(dir)).rejects.toThrow('vocab.txt: must hold the token "[SEP]", got none');
  });
});

describe('a folder that cannot be used', () => {
  it('says which files are missing', async () => {
    const dir = await folderWith({ 'special_tokens_map.json': {} });
    await expect(loadTokenizer(dir)).rejects.toThrow(
      `${dir}: must hold tokenizer.json or vocab.txt, got neither`,
    );
  });

  it("says that a byte-level tokenizer's own files are not enough", async () => {
    const dir = await folderWith({ 'vocab.json': {}, 'merges.txt': '' });
    await expect(loadTokenizer(dir)).rejects.toThrow(
      `${dir}: must hold tokenizer.json or vocab.txt, got vocab.json and merges.txt`,
    );
  });

  it.each(['spm.model', 'spiece.model'])('says how to convert %s', async (name) => {
    const dir = await folderWith({ [name]: 'pieces' });
    await expect(loadTokenizer(dir)).rejects.toMatchObject({
      message: `${dir}: must hold tokenizer.json or vocab.txt, got ${name}`,
      hint: expect.stringContaining('AutoTokenizer.from_pretrained(DIR, use_fast=True).save_pretrained(DIR)'),
    });
  });

  it('rejects a tokenizer.json that is not one', async () => {
    const dir = await folderWith({ 'tokenizer.json': { version: '1.0' } });
    await expect(loadTokenizer(dir)).rejects.toThrow('tokenizer.json: model: must be given');
  });

  it('rejects a tokenizer.json of a model that the library does not know', async () => {
    const dir = await folderWith({ 'tokenizer.json': { model: { type: 'Letters', vocab: {} } } });
    await expect(loadTokenizer(dir)).rejects.toThrow('tokenizer.json: is not a tokenizer: ');
  });

  it('rejects a tokenizer.json that is cut short', async () => {
    const dir = await folderWith({ 'tokenizer.json': '{"version":' });
    await expect(loadTokenizer(dir)).rejects.toThrow('tokenizer.json: must be JSON');
  });

  it('rejects a tokenizer_config.json of the wrong types', async () => {
    await expect(bert({ 'tokenizer_config.json': { pad_token: 7 } })).rejects.toThrow(
      'tokenizer_config.json',
    );
  });
});
