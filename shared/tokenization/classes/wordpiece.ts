/** @file The classes over WordPiece: BERT's and those that share its tokenizer. */
import { robertaProcessing } from 'tokenizers';
import {
  framedWithTypes,
  framing,
  type Pipeline,
  type StepOptions,
  type TokenizerClass,
} from '../tokenizer-class.ts';

function wordPieceSteps(
  model: Readonly<Record<string, unknown>>,
  options: StepOptions,
  unknown: string,
): Pipeline {
  return {
    model: {
      type: 'WordPiece',
      vocab: model.vocab,
      unk_token: unknown,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
    },
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: options.tokenize_chinese_chars ?? true,
      strip_accents: options.strip_accents ?? null,
      lowercase: options.do_lower_case ?? true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  };
}

/** `[CLS] A [SEP] B [SEP]`; lower case unless `do_lower_case` is false. */
export const bertTokenizer: TokenizerClass = {
  model: 'WordPiece',
  vocabularyFile: 'vocab.txt',
  tokens: {
    unk_token: '[UNK]',
    sep_token: '[SEP]',
    pad_token: '[PAD]',
    cls_token: '[CLS]',
    mask_token: '[MASK]',
  },
  tokenTypes: true,
  steps: ({ model }, options, unknown) => wordPieceSteps(model, options, unknown),
  processor: framedWithTypes,
};

/** BERT's, for a model without token types. */
export const distilBertTokenizer: TokenizerClass = { ...bertTokenizer, tokenTypes: false };

/** BERT's pieces between RoBERTa's special tokens: `<s> A </s></s> B </s>`. */
export const mpnetTokenizer: TokenizerClass = {
  model: 'WordPiece',
  vocabularyFile: 'vocab.txt',
  tokens: {
    bos_token: { content: '<s>' },
    eos_token: { content: '</s>' },
    sep_token: { content: '</s>' },
    cls_token: { content: '<s>' },
    unk_token: { content: '[UNK]' },
    pad_token: { content: '<pad>' },
    mask_token: { content: '<mask>', lstrip: true },
  },
  tokenTypes: false,
  steps: ({ model }, options, unknown) => wordPieceSteps(model, options, unknown),
  processor: (special) =>
    robertaProcessing([...framing(special, 'sep_token')], [...framing(special, 'cls_token')], true, false),
};
