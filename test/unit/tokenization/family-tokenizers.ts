/**
 * @file Small tokenizer.json files of the families, as their published checkpoints have them:
 *   letters, a few words, the family's special tokens and steps.
 */

type Json = Readonly<Record<string, unknown>>;

const letters = [...'abcdefghijklmnopqrstuvwxyz'];

const special = (id: number, content: string, lstrip = false) => ({
  id,
  content,
  single_word: false,
  lstrip,
  rstrip: false,
  normalized: false,
  special: true,
});

/** `<s> $A </s>` as a TemplateProcessing; a number behind a colon is the token type. */
function template(single: string, pair: string, ids: Readonly<Record<string, number>>): Json {
  const parts = (text: string): object[] =>
    text.split(' ').map((part) => {
      const [name = '', type = '0'] = part.split(':');
      const own = { type_id: Number(type) };
      return name.startsWith('$')
        ? { Sequence: { id: name.slice(1), ...own } }
        : { SpecialToken: { id: name, ...own } };
    });
  const entries = Object.entries(ids).map(([id, number]) => [id, { id, ids: [number], tokens: [id] }]);
  return {
    type: 'TemplateProcessing',
    single: parts(single),
    pair: parts(pair),
    special_tokens: Object.fromEntries(entries),
  };
}

const idsOf = (pieces: readonly string[]): Json => Object.fromEntries(pieces.map((piece, id) => [piece, id]));

/** MPNet: WordPiece between `<s>` and `</s>`. */
export const mpnet: Json = (() => {
  const pieces = [
    '<s>',
    '<pad>',
    '</s>',
    '[UNK]',
    ...letters,
    ...letters.map((l) => `##${l}`),
    'the',
    '<mask>',
  ];
  return {
    added_tokens: [
      ...pieces.slice(0, 4).map((piece, id) => special(id, piece)),
      special(pieces.length - 1, '<mask>', true),
    ],
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'RobertaProcessing',
      sep: ['</s>', 2],
      cls: ['<s>', 0],
      trim_offsets: true,
      add_prefix_space: false,
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: idsOf(pieces),
    },
  };
})();

const byteLevel = (addPrefixSpace = false, useRegex = true): Json => ({
  type: 'ByteLevel',
  add_prefix_space: addPrefixSpace,
  trim_offsets: true,
  use_regex: useRegex,
});

function byteLevelModel(specialTokens: readonly string[]): Json {
  const merges = ['t h', 'th e', 'Ġ the', 'Ġ a', 'i n'];
  const pieces = [
    ...specialTokens,
    ...letters,
    'Ġ',
    "'",
    '.',
    ...merges.map((merge) => merge.replace(' ', '')),
  ];
  return {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: '',
    end_of_word_suffix: '',
    fuse_unk: false,
    byte_fallback: false,
    vocab: idsOf(pieces),
    merges,
  };
}

const words =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const cutThenBytes = {
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: words }, behavior: 'Isolated', invert: false },
    byteLevel(false, false),
  ],
};

/** GPT-2: bytes, nothing around a text. */
export const gpt2: Json = {
  added_tokens: [special(0, '<|endoftext|>')],
  normalizer: null,
  pre_tokenizer: byteLevel(),
  post_processor: byteLevel(),
  decoder: byteLevel(),
  model: byteLevelModel(['<|endoftext|>']),
};

/** RoBERTa: bytes between `<s>` and `</s>`. */
export const roberta: Json = {
  ...gpt2,
  added_tokens: ['<s>', '<pad>', '</s>', '<unk>', '<mask>'].map((token, id) =>
    special(id, token, token === '<mask>'),
  ),
  post_processor: {
    type: 'RobertaProcessing',
    sep: ['</s>', 2],
    cls: ['<s>', 0],
    trim_offsets: true,
    add_prefix_space: false,
  },
  model: byteLevelModel(['<s>', '<pad>', '</s>', '<unk>', '<mask>']),
};

/** Qwen2: texts cut by a pattern, then bytes; nothing around a text. */
export const qwen2: Json = {
  ...gpt2,
  added_tokens: [special(0, '<|endoftext|>'), special(1, '<|im_end|>')],
  normalizer: { type: 'NFC' },
  pre_tokenizer: cutThenBytes,
  model: byteLevelModel(['<|endoftext|>', '<|im_end|>']),
};

/** Llama 3: as Qwen2, after `<|begin|>`. */
export const llama3: Json = {
  ...gpt2,
  added_tokens: [special(0, '<|begin|>'), special(1, '<|end|>')],
  pre_tokenizer: cutThenBytes,
  post_processor: {
    type: 'Sequence',
    processors: [
      byteLevel(true),
      template('<|begin|> $A', '<|begin|> $A <|begin|>:1 $B:1', { '<|begin|>': 0 }),
    ],
  },
  model: byteLevelModel(['<|begin|>', '<|end|>']),
};

/** Llama 2: BPE over letters with a mark for a space, after `<s>`. */
export const llama2: Json = (() => {
  const merges = ['t h', 'th e', '▁ the', '▁ a', 'i n'];
  const pieces = ['<unk>', '<s>', '</s>', ...letters, '▁', ...merges.map((merge) => merge.replace(' ', ''))];
  return {
    added_tokens: pieces.slice(0, 3).map((piece, id) => special(id, piece)),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: template('<s> $A', '<s> $A <s>:1 $B:1', { '<s>': 1 }),
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
      vocab: idsOf(pieces),
      merges,
    },
  };
})();

const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true };

function sentencePiece(specialTokens: readonly string[], unknownId: number, processor: Json): Json {
  const pieces: [string, number][] = [
    ...specialTokens.map((token): [string, number] => [token, 0]),
    ...[...letters, 'é', '.'].map((letter, id): [string, number] => [letter, -6 - id / 100]),
    ...['▁', '▁the', '▁a', 'the', 'in'].map((piece, id): [string, number] => [piece, -3 - id / 10]),
  ];
  return {
    added_tokens: specialTokens.map((token, id) => special(id, token)),
    normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] },
    post_processor: processor,
    decoder: metaspace,
    model: { type: 'Unigram', unk_id: unknownId, vocab: pieces, byte_fallback: false },
  };
}

/** T5: Unigram, `</s>` behind each text. */
export const t5 = sentencePiece(
  ['<pad>', '</s>', '<unk>'],
  2,
  template('$A </s>', '$A </s> $B </s>', { '</s>': 1 }),
);

/** XLM-RoBERTa: Unigram between `<s>` and `</s>`. */
export const xlmRoberta = sentencePiece(
  ['<s>', '<pad>', '</s>', '<unk>', '<mask>'],
  3,
  template('<s> $A </s>', '<s> $A </s> </s> $B </s>', { '<s>': 0, '</s>': 2 }),
);

/** ALBERT: Unigram over lower case without accents, between `[CLS]` and `[SEP]`. */
export const albert: Json = {
  ...sentencePiece(
    ['<pad>', '<unk>', '[CLS]', '[SEP]', '[MASK]'],
    1,
    template('[CLS] $A [SEP]', '[CLS] $A [SEP] $B:1 [SEP]:1', { '[CLS]': 2, '[SEP]': 3 }),
  ),
  normalizer: {
    type: 'Sequence',
    normalizers: [{ type: 'NFKD' }, { type: 'StripAccents' }, { type: 'Lowercase' }],
  },
};
