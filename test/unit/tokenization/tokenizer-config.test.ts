/**
 * @file What the files beside tokenizer.json do, as `transformers` 5.24 applies them when its
 *   AutoTokenizer loads a folder: the tokens are those that it gives. `#31` is a token that the
 *   files add beside the vocabulary.
 */
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../../shared/tokenization/load-tokenizer.ts';
import { albert, gpt2, llama2, llama3, mpnet, qwen2, roberta, t5, xlmRoberta } from './family-tokenizers.ts';
import { bertTokenizerJson, debertaTokenizerJson, folderWith, wordPieces } from './tokenizer-folders.ts';

type Json = Readonly<Record<string, unknown>>;
type Input = string | readonly [string, string] | { readonly words: readonly string[] };

/** A model folder's files. */
interface Folder {
  readonly json: Json;
  readonly modelType?: string;
  readonly config?: Json;
  readonly files?: Json;
  /** Cuts to so many tokens. */
  readonly maxLength?: number;
}

async function load({ json, modelType, config, files = {} }: Folder) {
  return loadTokenizer(
    await folderWith({
      ...('model' in json ? { 'tokenizer.json': json } : json),
      ...(modelType === undefined ? {} : { 'config.json': { model_type: modelType } }),
      ...(config === undefined ? {} : { 'tokenizer_config.json': config }),
      ...files,
    }),
  );
}

async function encode(folder: Folder, input: Input) {
  const tokenizer = await load(folder);
  const { maxLength = tokenizer.maxLength } = folder;
  const [encoding] =
    typeof input === 'string' || 'length' in input
      ? await tokenizer.encodeTexts(
          [
            typeof input === 'string'
              ? { text: input, textPair: null }
              : { text: input[0], textPair: input[1] },
          ],
          maxLength,
        )
      : await tokenizer.encodeWords([input.words], maxLength);
  if (encoding === undefined) throw new Error('one input gives one encoding');
  return encoding;
}

/** The tokens of an input, a space between them. */
async function tokens(folder: Folder, input: Input): Promise<string> {
  const names = namesOf(folder.json);
  const { inputIds } = await encode(folder, input);
  return [...inputIds].map((id) => names.get(id) ?? `#${id}`).join(' ');
}

async function types(folder: Folder, input: Input): Promise<string> {
  return (await encode(folder, input)).tokenTypeIds.join('');
}

function namesOf(json: Json): ReadonlyMap<number, string> {
  if (!('model' in json)) {
    const vocab = json['vocab.json'] as Record<string, number> | undefined;
    return new Map(Object.entries(vocab ?? {}).map(([token, id]) => [id, token]));
  }
  const { vocab } = json.model as { vocab: Record<string, number> | [string, number][] };
  const entries = Array.isArray(vocab)
    ? vocab.map(([token], id) => [id, token] as const)
    : Object.entries(vocab).map(([token, id]) => [id, token] as const);
  return new Map(entries);
}

const bert: Json = bertTokenizerJson;
const cased: Json = { ...bert, normalizer: { ...bertTokenizerJson.normalizer, lowercase: false } };
const added = (content: string, more: Json = {}): Json => ({
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: false,
  ...more,
});

describe('the class of a tokenizer', () => {
  it.each<[string, Folder, Input, string]>([
    [
      "is the model type's where none is named",
      { json: cased, modelType: 'bert' },
      'The Film',
      '[CLS] the film [SEP]',
    ],
    [
      'is the named one, with or without Fast',
      { json: cased, config: { tokenizer_class: 'ElectraTokenizerFast' } },
      'The Film',
      '[CLS] the film [SEP]',
    ],
    [
      'leaves the steps as written where it is the general one',
      {
        json: cased,
        modelType: 'bert',
        config: { tokenizer_class: 'PreTrainedTokenizerFast', do_lower_case: true },
      },
      'The film',
      '[CLS] [UNK] film [SEP]',
    ],
    [
      'leaves them as written where it is not known',
      { json: cased, modelType: 'bert', config: { tokenizer_class: 'OurTokenizer' } },
      'The film',
      '[CLS] [UNK] film [SEP]',
    ],
    [
      "is not Llama 2's for the bytes of Llama 3",
      { json: llama3, modelType: 'llama', config: { tokenizer_class: 'LlamaTokenizer' } },
      'the a.',
      '<|begin|> the Ġa .',
    ],
    [
      'is the general one for Mistral, whatever is named',
      { json: llama2, modelType: 'mistral', config: { tokenizer_class: 'LlamaTokenizer' } },
      'the</s>the',
      '<s> ▁the </s> ▁the',
    ],
    [
      'is named in config.json too',
      {
        json: cased,
        files: { 'config.json': { model_type: 'ours', tokenizer_class: 'BertTokenizer' } },
      },
      'The Film',
      '[CLS] the film [SEP]',
    ],
  ])('%s', async (_, folder, input, expected) => {
    expect(await tokens(folder, input)).toBe(expected);
  });

  it.each<[string, Folder, string]>([
    ['BertTokenizer', { json: bert, modelType: 'bert' }, '000111'],
    ['DistilBertTokenizer', { json: bert, config: { tokenizer_class: 'DistilBertTokenizer' } }, '000000'],
    [
      'PreTrainedTokenizerFast',
      { json: bert, config: { tokenizer_class: 'PreTrainedTokenizerFast' } },
      '000000',
    ],
    ['AlbertTokenizer', { json: albert, modelType: 'albert' }, '0000000'],
    ['DebertaV2Tokenizer', { json: debertaTokenizerJson, modelType: 'deberta-v2' }, '000111'],
  ])('decides whether a pair has token types: %s', async (_, folder, expected) => {
    const found = await types(folder, ['a', 'a b']);
    expect(found).toBe(expected);
  });

  it('is overruled by model_input_names', async () => {
    const config = { model_input_names: ['input_ids', 'token_type_ids', 'attention_mask'] };
    expect(await types({ json: albert, modelType: 'albert', config }, ['a', 'a'])).toBe('00011');
  });
});

const gives = (cases: readonly (readonly [string, Folder, Input, string])[]): void => {
  it.each(cases)('%s', async (_, folder, input, expected) => {
    expect(await tokens(folder, input)).toBe(expected);
  });
};

describe('settings of WordPiece', () => {
  const accents: Json = {
    ...cased,
    model: {
      ...bertTokenizerJson.model,
      vocab: Object.fromEntries([...wordPieces, 'café', 'cafe', 'Film'].map((piece, id) => [piece, id])),
    },
  };
  const folder = (config: Json): Folder => ({ json: accents, modelType: 'bert', config });
  gives([
    ['lower case and no accents by default', folder({}), 'Film café', '[CLS] film cafe [SEP]'],
    ['do_lower_case', folder({ do_lower_case: false }), 'Film café', '[CLS] Film café [SEP]'],
    [
      'do_lower_case and strip_accents',
      folder({ do_lower_case: false, strip_accents: true }),
      'Film café',
      '[CLS] Film cafe [SEP]',
    ],
    ['strip_accents', folder({ strip_accents: false }), 'Film café', '[CLS] film café [SEP]'],
    ['tokenize_chinese_chars', folder({}), 'a中b', '[CLS] a [UNK] b [SEP]'],
    ['no tokenize_chinese_chars', folder({ tokenize_chinese_chars: false }), 'a中b', '[CLS] [UNK] [SEP]'],
    ['unk_token', folder({ unk_token: '[MASK]' }), 'xyz', '[CLS] [MASK] [SEP]'],
    [
      'cls_token and sep_token',
      folder({ cls_token: 'a', sep_token: '[PAD]' }),
      ['b', 'c'],
      'a b [PAD] c [PAD]',
    ],
    [
      "MPNet's, between its own special tokens",
      {
        json: mpnet,
        modelType: 'mpnet',
        config: { do_lower_case: false, tokenizer_class: 'MPNetTokenizer' },
      },
      ['the A', 'a'],
      '<s> the [UNK] </s> </s> a </s>',
    ],
  ]);

  const alone = (config: Json): Folder => ({
    json: bert,
    files: { 'vocab.txt': `${wordPieces.join('\n')}\n`, 'tokenizer_config.json': config },
  });
  it.each<[Json, string]>([
    [{ do_lower_case: false }, '[CLS] [UNK] film [SEP]'],
    [{ truncation_side: 'left', model_max_length: 8, sep_token: '!' }, '[CLS] the film !'],
  ])('hold for a vocab.txt too: %j', async (config, expected) => {
    const { files = {} } = alone(config);
    const tokenizer = await loadTokenizer(await folderWith(files as Record<string, unknown>));
    const [encoding] = await tokenizer.encodeTexts(
      [{ text: 'The film', textPair: null }],
      tokenizer.maxLength,
    );
    expect([...(encoding?.inputIds ?? [])].map((id) => wordPieces[id]).join(' ')).toBe(expected);
  });
});

describe('settings of byte-level BPE', () => {
  const spaced: Json = {
    ...gpt2,
    pre_tokenizer: { ...(gpt2.pre_tokenizer as Json), add_prefix_space: true },
  };
  const bytes = (json: Json, modelType: string, config: Json = {}): Folder => ({ json, modelType, config });
  gives([
    [
      'no space before the first word, whatever tokenizer.json says',
      bytes(spaced, 'gpt2'),
      'the a',
      'the Ġa',
    ],
    ['add_prefix_space', bytes(gpt2, 'gpt2', { add_prefix_space: true }), 'the a', 'Ġthe Ġa'],
    [
      'add_prefix_space of a general class, as written',
      bytes(spaced, 'modernbert', { add_prefix_space: false }),
      'the a',
      'Ġthe Ġa',
    ],
    [
      'add_prefix_space of a text that is cut before',
      bytes(qwen2, 'qwen2', { add_prefix_space: true }),
      "the a's.",
      "Ġthe Ġa Ġ ' s Ġ .",
    ],
    [
      'add_bos_token and add_eos_token beside a tokenizer.json',
      bytes(llama3, 'llama', { add_bos_token: false, add_eos_token: true }),
      'the',
      '<|begin|> the',
    ],
  ]);

  it.each<[Json, string]>([
    [{}, 'the Ġa'],
    [{ add_bos_token: true, add_prefix_space: true }, '<|endoftext|> Ġthe Ġa'],
    [{ add_bos_token: true, add_eos_token: true, eos_token: '.' }, '<|endoftext|> the Ġa .'],
  ])('of vocab.json and merges.txt: %j', async (config, expected) => {
    const { vocab, merges } = gpt2.model as { vocab: Json; merges: readonly string[] };
    const json = { 'vocab.json': vocab, 'merges.txt': `#version: 0.2\n${merges.join('\n')}\n` };
    expect(await tokens({ json, modelType: 'gpt2', config }, 'the a')).toBe(expected);
  });
});

describe('settings of Unigram and of Llama 2', () => {
  gives([
    [
      'XLM-RoBERTa marks every word',
      { json: xlmRoberta, modelType: 'xlm-roberta' },
      'the a',
      '<s> ▁the ▁a </s>',
    ],
    [
      'add_prefix_space of XLM-RoBERTa',
      { json: xlmRoberta, modelType: 'xlm-roberta', config: { add_prefix_space: false } },
      'the a',
      '<s> the a </s>',
    ],
    ['ALBERT lowers and strips', { json: albert, modelType: 'albert' }, 'The é', '[CLS] ▁the ▁ e [SEP]'],
    [
      'keep_accents and do_lower_case of ALBERT',
      { json: albert, modelType: 'albert', config: { keep_accents: true, do_lower_case: false } },
      'The é',
      '[CLS] ▁ <unk> h e ▁ é [SEP]',
    ],
    [
      'DeBERTa keeps the case',
      { json: debertaTokenizerJson, modelType: 'deberta-v2' },
      'The film!',
      '[CLS] ▁ [UNK] ▁film ! [SEP]',
    ],
    [
      'do_lower_case and split_by_punct of DeBERTa',
      {
        json: debertaTokenizerJson,
        modelType: 'deberta-v2',
        config: { do_lower_case: true, split_by_punct: true },
      },
      'The film!',
      '[CLS] ▁the ▁film ▁ ! [SEP]',
    ],
    ['T5 ends each text', { json: t5, modelType: 't5' }, ['the', 'a'], '▁the </s> ▁a </s>'],
    [
      'T5 adds sentinels beside the vocabulary',
      { json: t5, modelType: 't5' },
      'a <extra_id_0>',
      '▁a #36 </s>',
    ],
    [
      'extra_ids of T5',
      { json: t5, modelType: 't5', config: { extra_ids: 0 } },
      'a <extra_id_0>',
      '▁a ▁ <unk> e x t r a <unk> i d <unk> </s>',
    ],
    [
      'Llama 2 marks the beginning of a text alone',
      { json: llama2, modelType: 'llama', config: { tokenizer_class: 'LlamaTokenizer' } },
      'the</s>the',
      '<s> ▁the </s> the',
    ],
    [
      'legacy of Llama 2',
      { json: llama2, modelType: 'llama', config: { tokenizer_class: 'LlamaTokenizer', legacy: true } },
      'the</s>the',
      '<s> ▁the </s> ▁the',
    ],
    [
      'add_prefix_space of Llama 2',
      {
        json: llama2,
        modelType: 'llama',
        config: { tokenizer_class: 'LlamaTokenizer', add_prefix_space: false },
      },
      'the a',
      '<s> the ▁a',
    ],
  ]);
});

describe('special and added tokens', () => {
  const of = (config: Json, files: Json = {}): Folder => ({ json: bert, modelType: 'bert', config, files });
  gives([
    ['a new special token', of({ extra_special_tokens: ['<e>'] }), 'a<e>b', '[CLS] a #22 b [SEP]'],
    [
      'a special token of an older name',
      of({ additional_special_tokens: ['<e>'] }),
      'a<e>b',
      '[CLS] a #22 b [SEP]',
    ],
    ['a special token with a name', of({ image_token: '<img>' }), 'a<img>b', '[CLS] a #22 b [SEP]'],
    [
      'added_tokens_decoder',
      of({ added_tokens_decoder: { 30: added('un film'), 31: added('NEW', { normalized: true }) } }),
      'un film a new',
      '[CLS] #22 a #23 [SEP]',
    ],
    [
      'added_tokens_decoder, in the place of those of tokenizer.json',
      of({ added_tokens_decoder: { 2: added('[CLS]', { special: true, lstrip: true }), 5: added('the') } }),
      'athefilm [CLS] [MASK]',
      '[CLS] a the film [CLS] [MASK] [SEP]',
    ],
    ['added_tokens.json', of({}, { 'added_tokens.json': { NEW: 22 } }), 'a new', '[CLS] a #22 [SEP]'],
    [
      'special_tokens_map.json before tokenizer_config.json',
      of({ cls_token: 'b' }, { 'special_tokens_map.json': { cls_token: 'a' } }),
      'c',
      'a c [SEP]',
    ],
    [
      'not special_tokens_map.json beside added_tokens_decoder',
      of({ cls_token: 'b', added_tokens_decoder: {} }, { 'special_tokens_map.json': { cls_token: 'a' } }),
      'c',
      'b c [SEP]',
    ],
    ['a special token in a text', of({}), 'a[SEP]b', '[CLS] a [SEP] b [SEP]'],
    [
      'split_special_tokens',
      of({
        split_special_tokens: true,
        extra_special_tokens: ['<e>'],
        added_tokens_decoder: { 22: added('<n>') },
      }),
      'a<e>[SEP]<n>b',
      '[CLS] a [UNK] e [UNK] [UNK] [UNK] [UNK] #22 b [SEP]',
    ],
  ]);
});

describe('cutting', () => {
  const long = { words: ['unwatchable', 'film', 'a', 'b', 'c', 'unwatchable'] };
  const bertOf = (config: Json, maxLength: number, json: Json = { ...bert, truncation: null }): Folder => ({
    json,
    modelType: 'bert',
    config,
    maxLength,
  });
  const left = { truncation_side: 'left' };
  gives([
    ['keeps the beginning', bertOf({}, 8), 'a b c d e a b c d', '[CLS] a b c d e a [SEP]'],
    [
      'keeps the end for truncation_side left',
      bertOf(left, 8),
      'a b c d e a b c d',
      '[CLS] d e a b c d [SEP]',
    ],
    [
      'takes the side from tokenizer.json where tokenizer_config.json does not say',
      bertOf({}, 8, { ...bert, truncation: { ...bertTokenizerJson.truncation, direction: 'Left' } }),
      'a b c d e a b c d',
      '[CLS] d e a b c d [SEP]',
    ],
    ['cuts both texts of a pair', bertOf(left, 8), ['a b c d', 'd c b a'], '[CLS] c d [SEP] c b a [SEP]'],
    [
      'leaves the short text of a pair whole',
      bertOf({}, 8),
      ['a', 'd c b a e d'],
      '[CLS] a [SEP] d c b a [SEP]',
    ],
    [
      'gives the odd token to the longer text, however long both are',
      bertOf({}, 8),
      ['a b c d a b c d a b c d', 'd c b a d c b a d c'],
      '[CLS] a b c [SEP] d c [SEP]',
    ],
    ['cuts words, also inside of one', bertOf(left, 8), long, '[CLS] a b c un ##watch ##able [SEP]'],
    [
      'keeps to model_max_length',
      { json: bert, modelType: 'bert', config: { model_max_length: 8 } },
      long,
      '[CLS] un ##watch ##able film a b [SEP]',
    ],
    [
      'keeps to max_len',
      { json: bert, modelType: 'bert', config: { max_len: 8 } },
      long,
      '[CLS] un ##watch ##able film a b [SEP]',
    ],
  ]);

  it('tells the first token that is left of each word', async () => {
    const { wordPositions, truncated } = await encode(bertOf(left, 8), {
      words: ['film', 'unwatchable', 'a', '\u200b', 'b', 'c', 'd'],
    });
    // [CLS] ##watch ##able a b c d [SEP]
    expect([...(wordPositions ?? [])]).toEqual([-1, 1, 3, -1, 4, 5, 6]);
    expect(truncated).toBe(true);
  });
});

describe('words', () => {
  const own = { words: ['the', 'a', "in's."] };
  gives([
    [
      "come without a space from RoBERTa's",
      { json: roberta, modelType: 'roberta' },
      own,
      "<s> the a in ' s . </s>",
    ],
    [
      'come after a space for add_prefix_space',
      { json: roberta, modelType: 'roberta', config: { add_prefix_space: true } },
      own,
      "<s> Ġthe Ġa Ġ in ' s . </s>",
    ],
    [
      'have no space where a step cuts them',
      { json: llama3, modelType: 'llama' },
      own,
      "<|begin|> the a in ' s .",
    ],
    [
      'have one at each cut where Qwen2 has add_prefix_space',
      { json: qwen2, modelType: 'qwen2', config: { add_prefix_space: true } },
      own,
      "Ġthe Ġa Ġ in Ġ ' s Ġ .",
    ],
    [
      'are marked each by Unigram',
      { json: xlmRoberta, modelType: 'xlm-roberta' },
      own,
      '<s> ▁the ▁a ▁ in <unk> s . </s>',
    ],
  ]);
});

describe('a note on words', () => {
  it.each<[string, Folder, string | null]>([
    ['without a space before them', { json: roberta, modelType: 'roberta' }, 'tokenizer_config.json'],
    ['as tokenizer.json cuts them', { json: llama3, modelType: 'llama' }, 'tokenizer.json'],
    ['after a space', { json: roberta, modelType: 'roberta', config: { add_prefix_space: true } }, null],
    ['of WordPiece', { json: bert, modelType: 'bert' }, null],
  ])('names the file that could put a space before them: %s', async (_, folder, file) => {
    expect((await load(folder)).noteOnWords).toBe(
      file === null
        ? null
        : 'words are read without the space before them; ' +
            `"add_prefix_space": true in the base's ${file} reads them as in running text`,
    );
  });
});

describe('decoded text', () => {
  const text = async (folder: Folder, ids: readonly number[]): Promise<string> =>
    (await load(folder)).decode(ids);
  it.each([
    [undefined, 'the . a'],
    [true, 'the. a'],
    [false, 'the . a'],
  ])('loses spaces before punctuation: clean_up_tokenization_spaces %s', async (clean, expected) => {
    const config = clean === undefined ? {} : { clean_up_tokenization_spaces: clean };
    // ▁the ▁ . ▁a </s>
    expect(await text({ json: t5, modelType: 't5', config }, [32, 31, 30, 33, 1])).toBe(expected);
  });

  it('keeps them where pieces hold spaces', async () => {
    const config = { clean_up_tokenization_spaces: true };
    // the Ġ .
    expect(await text({ json: gpt2, modelType: 'gpt2', config }, [31, 27, 29])).toBe('the .');
  });
});
