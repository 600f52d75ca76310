import { describe, expect, it } from 'vitest';
import { RegmeanError } from '../../../shared/errors.ts';
import { loadTokenizer } from '../../../shared/tokenization/load-tokenizer.ts';
import { bertTokenizerJson, folderWith } from './tokenizer-folders.ts';

/** Bits of a unit of the trie. */
const leaf = 1 << 8;
const offset = (distance: number): number => distance << 10;
const root = offset(256);

/** A map as SentencePiece writes it: units by their place, and the texts that leaves point into. */
function charsmap(units: Readonly<Record<number, number>>, texts: Uint8Array, count = 512): string {
  const bytes = Buffer.alloc(4 + 4 * count);
  bytes.writeUInt32LE(4 * count);
  for (const [at, unit] of Object.entries(units)) bytes.writeUInt32LE(unit >>> 0, 4 + 4 * Number(at));
  return Buffer.concat([bytes, texts]).toString('base64');
}

/** `A` leads from the root to a leaf with the text that begins at `at`. */
const letterA = (at: number): Readonly<Record<number, number>> => ({
  0: root,
  [256 ^ 0x41]: 0x41 | leaf | offset(1),
  [256 ^ 0x41 ^ 1]: 0x8000_0000 | at,
});

const texts = Buffer.from('é\0the\0');

const unigram = (normalizer: unknown) => ({
  normalizer,
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['?', 0],
      ['a', -1],
      ['the', -1],
    ],
  },
});

const load = async (json: object) => loadTokenizer(await folderWith({ 'tokenizer.json': json }));
const precompiled = (map: unknown) => ({ type: 'Precompiled', precompiled_charsmap: map });

describe('a precompiled normalizer', () => {
  it('maps characters', async () => {
    const tokenizer = await load(unigram(precompiled(charsmap(letterA(3), texts))));
    const [encoding] = await tokenizer.encodeTexts([{ text: 'Aa', textPair: null }], 8);
    expect([...(encoding?.inputIds ?? [])]).toEqual([2, 1]);
  });

  it.each([
    ['null', null, 'must be a map in base64, got null'],
    ['an empty text', '', 'must be a map in base64, got none'],
    ['nothing', undefined, 'must be a map in base64, got none'],
    ['an object', {}, 'must be a map in base64, got {}'],
    ['what is not base64', '#?', 'must be a map in base64, got "#?"'],
    ['base64 without its end', 'AAAAA', "must be SentencePiece's map in base64, got 3 bytes that are none"],
    ['a map that is cut', charsmap(letterA(3), texts).slice(0, 400), 'got 300 bytes that are none'],
    ['a map without a trie', charsmap({}, texts, 0), 'bytes that are none'],
    ['a trie that leads out of itself', charsmap({ 0: offset(512) }, texts), 'bytes that are none'],
    ['a leaf behind the texts', charsmap(letterA(8), texts), 'bytes that are none'],
    ['a leaf inside of a character', charsmap(letterA(1), texts), 'bytes that are none'],
    ['texts that are not UTF-8', charsmap(letterA(0), Buffer.from([0xff, 0])), 'bytes that are none'],
  ])('is refused with %s', async (_, map, message) => {
    const error = await load(unigram(precompiled(map))).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RegmeanError);
    expect((error as Error).message).toContain('tokenizer.json: normalizer.precompiled_charsmap must be');
    expect((error as Error).message).toContain(message);
  });

  it('is found without its type', async () => {
    await expect(load(unigram({ precompiled_charsmap: null }))).rejects.toThrow(
      'normalizer.precompiled_charsmap must be a map in base64, got null',
    );
  });

  it('is found inside of sequences, and where a class keeps it', async () => {
    const steps = { type: 'Sequence', normalizers: [{ type: 'NFC' }, precompiled(null)] };
    await expect(load(unigram(steps))).rejects.toThrow(
      'normalizer.normalizers.1.precompiled_charsmap must be',
    );
    const folder = await folderWith({
      'tokenizer.json': unigram(steps),
      'tokenizer_config.json': { tokenizer_class: 'T5Tokenizer' },
    });
    await expect(loadTokenizer(folder)).rejects.toThrow('normalizer.precompiled_charsmap must be');
  });
});

describe('a template', () => {
  it('is refused with a token that it does not list', async () => {
    const template = {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '[END]', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] } },
    };
    await expect(load({ ...bertTokenizerJson, post_processor: template })).rejects.toThrow(
      'tokenizer.json: post_processor.single: must name tokens of special_tokens, got "[END]"',
    );
    await expect(load({ ...bertTokenizerJson, post_processor: { ...template, type: '' } })).rejects.toThrow(
      'post_processor.single: must name tokens of special_tokens',
    );
    const processors = [{ type: 'ByteLevel', add_prefix_space: true, trim_offsets: true }, template];
    const sequence = { type: 'Sequence', processors };
    await expect(load({ ...bertTokenizerJson, post_processor: sequence })).rejects.toThrow(
      'post_processor.processors.1.single: must name tokens of special_tokens',
    );
  });
});

describe('a vocabulary', () => {
  it('of odd entries is refused, also by classes that look for the unknown piece', async () => {
    const vocab = [['<unk>', 0], null, ['a', -1]];
    for (const name of ['CamembertTokenizer', 'DebertaV2Tokenizer', 'PreTrainedTokenizerFast']) {
      const folder = await folderWith({
        'tokenizer.json': { model: { type: 'Unigram', unk_id: 0, vocab } },
        'tokenizer_config.json': { tokenizer_class: name },
      });
      await expect(loadTokenizer(folder)).rejects.toThrow('tokenizer.json: is not a tokenizer: ');
    }
  });

  it('without its unknown piece is refused when a text needs it', async () => {
    const vocab = { '[UNK]': 0, b: 1 };
    const model = { type: 'WordPiece', unk_token: '[X]', vocab };
    const rest = { continuing_subword_prefix: '##', max_input_chars_per_word: 9 };
    const tokenizer = await load({ model: { ...model, ...rest } });
    await expect(tokenizer.encodeTexts([{ text: 'a', textPair: null }], 8)).rejects.toThrow(
      'tokenizer.json: cannot tokenize: WordPiece error: Missing [UNK] token from the vocabulary',
    );
  });
});

describe('merges', () => {
  const model = (merges: unknown) => ({
    type: 'BPE',
    continuing_subword_prefix: '##',
    unk_token: 'a',
    vocab: { a: 0, '##b': 1, ab: 2, b: 3 },
    merges,
  });

  it('join a piece and the rest of one that continues a word', async () => {
    const tokenizer = await load({ model: model(['a ##b']) });
    const [encoding] = await tokenizer.encodeTexts([{ text: 'ab', textPair: null }], 8);
    expect([...(encoding?.inputIds ?? [])]).toEqual([2]);
  });

  it.each([
    [
      [
        ['a', '##b'],
        ['a', 'b'],
      ],
    ],
    [['a ##b', 'a b']],
  ])('are refused with a second piece that is shorter than the prefix: %j', async (merges) => {
    await expect(load({ model: model(merges) })).rejects.toThrow(
      'tokenizer.json: model.merges.1: the second piece must begin with continuing_subword_prefix "##", got "b"',
    );
  });
});

describe('an added token that the normalizer removes', () => {
  const token = { id: 1, content: ' ', special: false, single_word: false, lstrip: false, rstrip: false };
  const json = (fields: object) => ({
    normalizer: { type: 'Strip', strip_left: true, strip_right: true },
    added_tokens: [{ ...token, normalized: true, ...fields }],
    model: { type: 'WordLevel', unk_token: 'a', vocab: { a: 0 } },
  });

  it.each(['single_word', 'lstrip', 'rstrip'])('is refused with %s', async (field) => {
    await expect(load(json({ [field]: true }))).rejects.toThrow(
      'tokenizer.json: the added token " " must be left by the normalizer, got nothing',
    );
  });

  it('is no harm where it is looked for before', async () => {
    const tokenizer = await load(json({ rstrip: true, normalized: false }));
    const encodings = await tokenizer.encodeTexts([{ text: '\u{1F600}', textPair: null }], 8);
    expect(encodings).toHaveLength(1);
  });
});

describe('a Strip decoder', () => {
  const pieces = ['', 'a', 'aaa', 'aabaa', 'b.', 'ba'];
  const decoded = async (decoder: object) => {
    const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
    const tokenizer = await load({ decoder, model: { type: 'WordLevel', unk_token: 'a', vocab } });
    return Promise.all(pieces.map((_, id) => tokenizer.decode([id])));
  };
  const strip = (content: string, start: number, stop: number) => ({ type: 'Strip', content, start, stop });

  it('takes characters off both ends, also of tokens that are nothing else', async () => {
    expect(await decoded(strip('a', 1, 0))).toEqual(['', '', 'aa', 'abaa', 'b.', 'ba']);
    expect(await decoded(strip('a', 0, 2))).toEqual(['', '', 'a', 'aab', 'b.', 'b']);
    expect(await decoded(strip('a', 1, 1))).toEqual(['', '', 'a', 'aba', 'b.', 'b']);
    expect(await decoded(strip('a', 2, 2 ** 40))).toEqual(['', '', '', 'b', 'b.', 'b']);
    expect(await decoded(strip('.', 0, 1))).toEqual(['', 'a', 'aaa', 'aabaa', 'b', 'ba']);
  });

  it('does so inside of a sequence', async () => {
    const decoders = [{ type: 'Fuse' }, strip('a', 0, 7)];
    expect(await decoded({ type: 'Sequence', decoders })).toEqual(['', '', '', 'aab', 'b.', 'b']);
  });

  it('is refused under another name', async () => {
    await expect(decoded({ ...strip('a', 0, 1), type: 'strip' })).rejects.toThrow(
      'tokenizer.json: decoder: the type of a step with content, start and stop must be "Strip", got "strip"',
    );
  });

  it.each([-1, 0.5, '1', null])('is refused with %j characters', async (stop) => {
    await expect(decoded({ type: 'Strip', content: 'a', start: 0, stop })).rejects.toThrow(
      'tokenizer.json: is not a tokenizer: ',
    );
  });
});
