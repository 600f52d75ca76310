/**
 * @file A tokenizer.json as SentencePiece models have it after conversion: Unigram pieces with word
 *   marks, an end token after each text.
 */

/** Ids of the special tokens. */
export const unigramIds = { pad: 0, end: 1, unknown: 2 } as const;

/** The tokenizer.json of these words; they are tokens 3, 4, .. */
export function unigramTokenizerJson(words: readonly string[]): object {
  const pieces = ['<pad>', '</s>', '<unk>', ...words.map((word) => `▁${word}`), '▁'];
  const end = { SpecialToken: { id: '</s>', type_id: 0 } };
  const marks = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true };
  return {
    version: '1.0',
    added_tokens: pieces.slice(0, 3).map((content, id) => ({
      id,
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    pre_tokenizer: marks,
    decoder: marks,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A', type_id: 0 } }, end],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, end, { Sequence: { id: 'B', type_id: 0 } }, end],
      special_tokens: { '</s>': { id: '</s>', ids: [unigramIds.end], tokens: ['</s>'] } },
    },
    model: {
      type: 'Unigram',
      unk_id: unigramIds.unknown,
      vocab: pieces.map((piece, id) => [piece, -id / 100]),
    },
  };
}
