/** What generation_config.json says of generating. */
export interface GenerationTokens {
  /** The token that a decoder's text begins from, where it is named. */
  readonly startTokenId?: number;
  /** Tokens that end a text; none where none is named, so that it grows to its longest. */
  readonly endTokenIds: readonly number[];
  /** Settings that make `generate` of `transformers` find other texts, and are not applied here. */
  readonly notApplied: readonly string[];
}

/** What a model reads, for those who make batches of examples. */
export interface InputSpec {
  /** Token ids are below it; of no meaning where numbers are read. */
  readonly vocabSize: number;
  /** Token types are below it; absent where the model knows none. */
  readonly typeVocabSize?: number;
  /** Longest sequence in tokens, special tokens included. */
  readonly maxLength: number;
  /** What batches are filled with. */
  readonly padTokenId: number;
  /** The token that targets begin from, of models with a decoder for `text2text`. */
  readonly decoderStartTokenId?: number;
  /** Tokens that end a text. */
  readonly endTokenIds?: readonly number[];
  /** What generating begins and ends with instead, where the model's folder says it. */
  readonly generation?: GenerationTokens;
  /**
   * Whether batches must hold examples of one length, because nothing tells this model what padding
   * is.
   */
  readonly equalLengths?: boolean;
  /** How many numbers an example is, of networks that read numbers instead of tokens. */
  readonly features?: number;
}
