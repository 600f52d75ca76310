import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { insidePrefix, normalizerOptions, specialTokens } from './train-tokenizer.ts';

/**
 * Writes a tokenizer as Hugging Face's BERT tokenizers are written: tokenizer.json,
 * tokenizer_config.json, special_tokens_map.json and vocab.txt.
 *
 * @param directory the folder; made when it does not exist
 * @param vocabulary the pieces; a piece's place is its id
 * @param maxLength the longest sequence that the model takes, in tokens
 */
export function writeTokenizer(directory: string, vocabulary: readonly string[], maxLength: number): void {
  mkdirSync(directory, { recursive: true });
  const write = (name: string, content: string): void => writeFileSync(join(directory, name), content);
  write('tokenizer.json', `${JSON.stringify(tokenizerJson(vocabulary), null, 2)}\n`);
  write('tokenizer_config.json', `${JSON.stringify(tokenizerConfig(maxLength), null, 2)}\n`);
  write('special_tokens_map.json', `${JSON.stringify(specialTokensMap, null, 2)}\n`);
  write('vocab.txt', `${vocabulary.join('\n')}\n`);
}

const specialTokensMap = {
  pad_token: '[PAD]',
  unk_token: '[UNK]',
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  mask_token: '[MASK]',
};

function tokenizerConfig(maxLength: number): Record<string, unknown> {
  return {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: normalizerOptions.lowercase,
    strip_accents: normalizerOptions.stripAccents,
    tokenize_chinese_chars: normalizerOptions.handleChineseChars,
    model_max_length: maxLength,
    ...specialTokensMap,
  };
}

function tokenizerJson(vocabulary: readonly string[]): Record<string, unknown> {
  const idOf = (token: string): number => vocabulary.indexOf(token);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content) => ({
      id: idOf(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: normalizerOptions.cleanText,
      handle_chinese_chars: normalizerOptions.handleChineseChars,
      strip_accents: normalizerOptions.stripAccents,
      lowercase: normalizerOptions.lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)],
      pair: [
        special('[CLS]', 0),
        sequence('A', 0),
        special('[SEP]', 0),
        sequence('B', 1),
        special('[SEP]', 1),
      ],
      special_tokens: Object.fromEntries(
        ['[CLS]', '[SEP]'].map((id) => [id, { id, ids: [idOf(id)], tokens: [id] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: insidePrefix, cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: insidePrefix,
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((piece, id) => [piece, id])),
    },
  };
}

function special(id: string, typeId: number): Record<string, unknown> {
  return { SpecialToken: { id, type_id: typeId } };
}

function sequence(id: 'A' | 'B', typeId: number): Record<string, unknown> {
  return { Sequence: { id, type_id: typeId } };
}
