/** @file The classes over byte-level BPE: GPT-2's, RoBERTa's, DeBERTa's, Qwen2's. */
import { robertaProcessing } from 'tokenizers';
import {
  beginAndEnd,
  framedByEnds,
  framing,
  type Pipeline,
  type Step,
  type StepOptions,
  sequence,
  type TokenizerClass,
} from '../tokenizer-class.ts';

/** Qwen2's: words with what stands before them, digits, runs of signs, runs of white space. */
const qwen2Words =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

function byteLevelModel({ vocab, merges = [] }: Step): Step {
  return {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: '',
    end_of_word_suffix: '',
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab,
    merges,
  };
}

function byteLevel({ add_prefix_space }: StepOptions, useRegex = true): Step {
  return {
    type: 'ByteLevel',
    add_prefix_space: add_prefix_space ?? false,
    trim_offsets: true,
    use_regex: useRegex,
  };
}

function byteLevelSteps({ model }: { readonly model: Step }, options: StepOptions): Pipeline {
  return {
    model: byteLevelModel(model),
    normalizer: null,
    pre_tokenizer: byteLevel(options),
    decoder: byteLevel({}),
  };
}

/** No special tokens around a text, but what tokenizer.json says. */
export const gpt2Tokenizer: TokenizerClass = {
  model: 'BPE',
  vocabularyFile: 'vocab.json',
  tokens: {
    unk_token: '<|endoftext|>',
    bos_token: '<|endoftext|>',
    eos_token: '<|endoftext|>',
    pad_token: null,
  },
  tokenTypes: false,
  steps: byteLevelSteps,
};

/** GPT-2's pieces of texts in NFC; what tokenizer.json puts around a text does not count. */
export const gptNeoXTokenizer: TokenizerClass = {
  ...gpt2Tokenizer,
  tokens: { ...gpt2Tokenizer.tokens, pad_token: '<|padding|>' },
  steps: (parts, options) => ({ ...byteLevelSteps(parts, options), normalizer: { type: 'NFC' } }),
  processor: beginAndEnd,
};

/** `<s> A </s></s> B </s>`. */
export const robertaTokenizer: TokenizerClass = {
  model: 'BPE',
  vocabularyFile: 'vocab.json',
  tokens: {
    bos_token: '<s>',
    eos_token: '</s>',
    sep_token: '</s>',
    cls_token: '<s>',
    unk_token: '<unk>',
    pad_token: '<pad>',
    mask_token: '<mask>',
  },
  tokenTypes: false,
  steps: byteLevelSteps,
  processor: (special) =>
    robertaProcessing([...framing(special, 'sep_token')], [...framing(special, 'cls_token')], true, false),
};

/** GPT-2's pieces between BERT's special tokens, two separators between the texts of a pair. */
export const debertaTokenizer: TokenizerClass = {
  model: 'BPE',
  vocabularyFile: 'vocab.json',
  tokens: {
    bos_token: '[CLS]',
    eos_token: '[SEP]',
    sep_token: '[SEP]',
    cls_token: '[CLS]',
    unk_token: '[UNK]',
    pad_token: '[PAD]',
    mask_token: '[MASK]',
  },
  tokenTypes: true,
  steps: byteLevelSteps,
  processor: (special) => framedByEnds(special, 'cls_token', 'sep_token'),
};

/** Texts in NFC, cut by a pattern before they become bytes. */
export const qwen2Tokenizer: TokenizerClass = {
  model: 'BPE',
  vocabularyFile: 'vocab.json',
  tokens: {
    unk_token: '<|endoftext|>',
    bos_token: null,
    eos_token: '<|endoftext|>',
    pad_token: '<|endoftext|>',
  },
  tokenTypes: false,
  plainSpecialTokens: true,
  steps: ({ model }, options) => ({
    model: byteLevelModel(model),
    normalizer: { type: 'NFC' },
    pre_tokenizer: sequence(
      'pretokenizers',
      { type: 'Split', pattern: { Regex: qwen2Words }, behavior: 'Isolated', invert: false },
      byteLevel(options, false),
    ),
    decoder: byteLevel({}),
  }),
};
