import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A temporary folder with the given files; objects are written as JSON. */
export async function folderWith(files: Record<string, unknown>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'regmean-tokenizer-'));
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return dir;
}

/** A WordPiece vocabulary; the id is the position. */
export const wordPieces = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  'the',
  'film',
  'was',
  'un',
  '##watch',
  '##able',
  'great',
  '!',
  'paris',
  'a',
  'b',
  'c',
  'd',
  'e',
  "'",
  'don',
  't',
];

const special = (id: number, content: string) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

/** A BERT tokenizer.json as Hugging Face's library writes it. */
export const bertTokenizerJson = {
  version: '1.0',
  truncation: { direction: 'Right', max_length: 4, strategy: 'LongestFirst', stride: 0 },
  padding: {
    strategy: { Fixed: 16 },
    direction: 'Right',
    pad_to_multiple_of: null,
    pad_id: 0,
    pad_type_id: 0,
    pad_token: '[PAD]',
  },
  added_tokens: wordPieces.slice(0, 5).map((token, id) => special(id, token)),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
    ],
    pair: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
      { Sequence: { id: 'B', type_id: 1 } },
      { SpecialToken: { id: '[SEP]', type_id: 1 } },
    ],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
    },
  },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(wordPieces.map((token, id) => [token, id])),
  },
};

/**
 * Pieces of a Unigram model and their scores, the most probable split of a word wins; `▁` stands
 * for the space before it.
 */
export const unigramPieces: readonly (readonly [string, number])[] = [
  ['[PAD]', 0],
  ['[CLS]', 0],
  ['[SEP]', 0],
  ['[UNK]', 0],
  ['▁', -4],
  ['▁the', -2],
  ['▁film', -3],
  ['▁un', -4],
  ['watch', -3],
  ['able', -3],
  ['▁unwatch', -8],
  ['watchable', -5],
  ['!', -3],
  ['a', -5],
  ['b', -5],
  ['▁a', -4],
  ['▁b', -4],
];

/**
 * A DeBERTa-v3 tokenizer.json, as Hugging Face's conversion of its SentencePiece model is built.
 */
export const debertaTokenizerJson = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [
    ...unigramPieces.slice(0, 4).map(([token], id) => special(id, token)),
    special(unigramPieces.length, '[MASK]'),
  ],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Strip', strip_left: true, strip_right: true },
      { type: 'NFKC' },
      { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
    ],
  },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [{ type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }],
  },
  post_processor: {
    type: 'TemplateProcessing',
    single: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
    ],
    pair: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
      { Sequence: { id: 'B', type_id: 1 } },
      { SpecialToken: { id: '[SEP]', type_id: 1 } },
    ],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [1], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [2], tokens: ['[SEP]'] },
    },
  },
  decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  model: { type: 'Unigram', unk_id: 3, vocab: unigramPieces, byte_fallback: false },
};

/** Byte-level tokens; `Ġ` stands for the space before a word. */
export const byteLevelTokens = [
  '<s>',
  '<pad>',
  '</s>',
  '<unk>',
  '<mask>',
  'a',
  'b',
  'c',
  'Ġ',
  'Ġa',
  'Ġb',
  'ab',
  'Ġab',
];

/** A RoBERTa tokenizer.json: byte-level BPE without a space before the first word. */
export const robertaTokenizerJson = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: byteLevelTokens.slice(0, 5).map((token, id) => special(id, token)),
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: {
    type: 'RobertaProcessing',
    sep: ['</s>', 2],
    cls: ['<s>', 0],
    trim_offsets: true,
    add_prefix_space: false,
  },
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: '',
    end_of_word_suffix: '',
    fuse_unk: false,
    byte_fallback: false,
    vocab: Object.fromEntries(byteLevelTokens.map((token, id) => [token, id])),
    merges: ['Ġ a', 'Ġ b', 'a b', 'Ġa b'],
  },
};

/** A GPT-2 tokenizer.json: as RoBERTa's, without special tokens around a text. */
export const gpt2TokenizerJson = {
  ...robertaTokenizerJson,
  post_processor: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true },
};
