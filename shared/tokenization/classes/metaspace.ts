/** @file Llama's class: BPE over characters, bytes where there is none, a mark for a space. */
import { sequence, type TokenizerClass } from '../tokenizer-class.ts';
import { spaceMark } from './unigram.ts';

/** `legacy` puts the mark before every stretch of text, else it stands before the first alone. */
export const llamaTokenizer: TokenizerClass = {
  model: 'BPE',
  tokens: { unk_token: '<unk>', bos_token: '<s>', eos_token: '</s>' },
  tokenTypes: false,
  steps({ model }, { add_prefix_space, legacy }) {
    const marks = add_prefix_space ?? true;
    const scheme = legacy === true ? 'always' : 'first';
    return {
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: true,
        ignore_merges: false,
        vocab: model.vocab,
        merges: model.merges ?? [],
      },
      normalizer: null,
      pre_tokenizer: {
        type: 'Metaspace',
        replacement: spaceMark,
        prepend_scheme: marks ? scheme : 'never',
        split: false,
      },
      decoder: sequence(
        'decoders',
        { type: 'Replace', pattern: { String: spaceMark }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(marks ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ),
    };
  },
};
