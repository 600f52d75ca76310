/** @file The classes over SentencePiece's Unigram: T5's, XLM-RoBERTa's, ALBERT's, DeBERTa-v2's. */
import { templateProcessing } from 'tokenizers';
import { contentOf, type GivenToken } from '../added-tokens.ts';
import {
  type FileParts,
  framedByEnds,
  framedWithTypes,
  framing,
  type Pipeline,
  type Step,
  type StepOptions,
  sequence,
  type TokenizerClass,
} from '../tokenizer-class.ts';
import { findPiece } from '../vocabulary.ts';

/** What SentencePiece puts in the place of a space. */
export const spaceMark = '\u2581';

type Scheme = 'always' | 'first' | 'never';

const metaspace = (scheme: Scheme): Step => ({
  type: 'Metaspace',
  replacement: spaceMark,
  prepend_scheme: scheme,
  split: true,
});

const words = (scheme: Scheme): Step =>
  sequence('pretokenizers', { type: 'WhitespaceSplit' }, metaspace(scheme));

function unigram({ vocab }: Step, unknownId: number): Step {
  return { type: 'Unigram', unk_id: unknownId, vocab, byte_fallback: false };
}

/** A mark before every word, unless `add_prefix_space` is there and not true. */
function schemeOf({ add_prefix_space }: StepOptions, otherwise: Scheme): Scheme {
  return add_prefix_space === undefined || add_prefix_space === true ? 'always' : otherwise;
}

/** White space cut off, the file's precompiled normalizer, marks. */
function plainSteps({ model, precompiled }: FileParts, unknownId: number, scheme: Scheme): Pipeline {
  return {
    model: unigram(model, unknownId),
    normalizer: precompiled,
    pre_tokenizer: words(scheme),
    decoder: metaspace(scheme),
  };
}

const sentinels = (count: number): string[] => Array.from({ length: count }, (_, id) => `<extra_id_${id}>`);

/** `A </s> B </s>`; sentinels `<extra_id_0>` to 99 where the files do not name others. */
export const t5Tokenizer: TokenizerClass = {
  model: 'Unigram',
  tokens: { eos_token: '</s>', unk_token: '<unk>', pad_token: '<pad>' },
  tokenTypes: false,
  steps: (parts) => plainSteps(parts, 2, 'always'),
  extraTokens({ extra, additional }, { extra_ids }) {
    if (extra !== null) return extra;
    const own = sentinels(extra_ids ?? 100);
    if (additional === null) return own;
    const isSentinel = (token: GivenToken): boolean => contentOf(token).includes('<extra_id_');
    return additional.some(isSentinel) ? additional : [...additional, ...own];
  },
  processor(special) {
    const [, end] = framing(special, 'eos_token');
    return templateProcessing('$A </s>', '$A </s> $B </s>', [['</s>', end]]);
  },
};

/** `<s> A </s></s> B </s>`. */
export const xlmRobertaTokenizer: TokenizerClass = {
  model: 'Unigram',
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
  steps: (parts, options) => plainSteps(parts, 3, schemeOf(options, 'never')),
  processor: (special) => framedByEnds(special, 'bos_token', 'eos_token'),
};

/** XLM-RoBERTa's, with the unknown token wherever the vocabulary has it. */
export const camembertTokenizer: TokenizerClass = {
  ...xlmRobertaTokenizer,
  tokens: { ...xlmRobertaTokenizer.tokens, mask_token: { content: '<mask>', lstrip: true, special: true } },
  steps(parts, options, unknown) {
    const found = findPiece(parts.model, (piece) => piece === unknown);
    return plainSteps(parts, found ?? 0, schemeOf(options, 'never'));
  },
  extraTokens: ({ extra, additional }) =>
    extra ?? additional ?? ['<s>NOTUSED', '</s>NOTUSED', '<unk>NOTUSED'],
};

/** `[CLS] A [SEP] B [SEP]`; lower case without accents unless the settings say otherwise. */
export const albertTokenizer: TokenizerClass = {
  model: 'Unigram',
  tokens: {
    bos_token: '[CLS]',
    eos_token: '[SEP]',
    unk_token: '<unk>',
    sep_token: '[SEP]',
    pad_token: '<pad>',
    cls_token: '[CLS]',
    mask_token: '[MASK]',
  },
  tokenTypes: false,
  prefersFile: true,
  steps(parts, options) {
    const { keep_accents = false, do_lower_case = true } = options;
    const quotes = ['``', "''"].map((text) => ({ type: 'Replace', pattern: { String: text }, content: '"' }));
    return {
      ...plainSteps(parts, 1, schemeOf(options, 'never')),
      normalizer: sequence(
        'normalizers',
        ...quotes,
        ...(keep_accents ? [] : [{ type: 'NFKD' }, { type: 'StripAccents' }]),
        ...(do_lower_case ? [{ type: 'Lowercase' }] : []),
        ...(parts.precompiled === null ? [] : [parts.precompiled]),
      ),
    };
  },
  processor(special) {
    const [, cls] = framing(special, 'cls_token');
    const [, sep] = framing(special, 'sep_token');
    return templateProcessing('[CLS]:0 $A:0 [SEP]:0', '[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1', [
      ['[CLS]', cls],
      ['[SEP]', sep],
    ]);
  },
};

/** `[CLS] A [SEP] B [SEP]`; case and accents stay. */
export const debertaV2Tokenizer: TokenizerClass = {
  model: 'Unigram',
  tokens: {
    bos_token: '[CLS]',
    eos_token: '[SEP]',
    unk_token: '[UNK]',
    sep_token: '[SEP]',
    pad_token: '[PAD]',
    cls_token: '[CLS]',
    mask_token: '[MASK]',
  },
  tokenTypes: true,
  steps({ model }, options, unknown) {
    const found = findPiece(model, (piece, score) => piece === unknown && score === 0);
    const scheme = schemeOf(options, 'first');
    return {
      model: unigram(model, found ?? options.unk_id ?? 1),
      normalizer: sequence(
        'normalizers',
        ...(options.do_lower_case === true ? [{ type: 'Lowercase' }] : []),
        { type: 'Replace', pattern: { Regex: '\\s{2,}|[\\n\\r\\t]' }, content: ' ' },
        { type: 'NFC' },
        { type: 'Strip', strip_left: false, strip_right: true },
      ),
      pre_tokenizer: sequence(
        'pretokenizers',
        ...(options.split_by_punct === true ? [{ type: 'Punctuation', behavior: 'Isolated' }] : []),
        metaspace(scheme),
      ),
      decoder: metaspace(scheme),
    };
  },
  processor: framedWithTypes,
};
