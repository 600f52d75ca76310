/**
 * @file Tokenization with Hugging Face's own Rust library (the `tokenizers` package): it is the
 *   reference, so parity is by construction, also for Oniguruma patterns and SentencePiece's
 *   precompiled normalizers that the pure JavaScript `@huggingface/tokenizers` only approximates;
 *   it measured 1.2 times as fast on WordPiece, works off the main thread, and its one package
 *   holds the binaries of all platforms.
 */
import { Tokenizer as NativeTokenizer } from 'tokenizers';
import { messageOf, RegmeanError } from '../errors.ts';
import type { TokenEncoding } from './token-encoding.ts';
import { createWordEncoder, type WordEncoder } from './word-encoder.ts';

/** A text, or two texts that are read together. */
export interface TextInput {
  readonly text: string;
  readonly textPair: string | null;
}

/** A model folder's tokenizer. */
export interface Tokenizer {
  /** Number of ids, added tokens included. */
  readonly vocabSize: number;
  /** Id of the padding token, null when the folder names none. */
  readonly padTokenId: number | null;
  /** Id of the mask token, null when there is none. */
  readonly maskTokenId: number | null;
  /** Ids of all special tokens, ascending. */
  readonly specialTokenIds: readonly number[];
  /** The most tokens that tokenizer and model allow; Infinity when neither says. */
  readonly maxLength: number;
  /** Tokens of texts; pairs are cut longest first. */
  encodeTexts(inputs: readonly TextInput[], maxLength: number): Promise<TokenEncoding[]>;
  /** Tokens of sentences that are split into words already. */
  encodeWords(sentences: readonly (readonly string[])[], maxLength: number): Promise<TokenEncoding[]>;
  /** The text of token ids, without special tokens. */
  decode(ids: ArrayLike<number>): Promise<string>;
  /** The token with an id, null when there is none. */
  tokenOf(id: number): string | null;
  /** The id of a token, null when there is none. */
  idOf(token: string): number | null;
}

/** What a tokenizer takes from the files beside tokenizer.json. */
export interface TokenizerSettings {
  readonly padToken: string | null;
  readonly maskToken: string | null;
  readonly specialTokens: readonly string[];
  readonly maxLength: number;
  /** Whether the model knows more than one token type; otherwise all types are 0. */
  readonly tokenTypes: boolean;
}

const inputsPerCall = 1024;

/**
 * A tokenizer from the text of a tokenizer.json. Its own truncation and padding settings are not
 * used.
 *
 * @param where the file, for errors
 * @throws RegmeanError `invalid-input` when the library does not accept the text
 */
export function createTokenizer(json: string, settings: TokenizerSettings, where: string): Tokenizer {
  const native = parseTokenizer(json, where);
  native.disablePadding();
  native.disableTruncation();
  let wordEncoder: Promise<WordEncoder> | null = null;
  const idOf = (token: string | null): number | null => (token === null ? null : native.tokenToId(token));
  const specialTokenIds = settings.specialTokens.map(idOf).filter((id) => id !== null);
  // Truncation is a setting of the shared native object, so calls wait for one another.
  let lastCall: Promise<unknown> = Promise.resolve();

  const encodeChunk = async (inputs: readonly TextInput[], maxLength: number): Promise<TokenEncoding[]> => {
    if (Number.isFinite(maxLength)) native.setTruncation(maxLength);
    else native.disableTruncation();
    const whole = inputs.every(({ textPair }) => textPair === null);
    const encodings = whole
      ? await native.encodeBatch(inputs.map(({ text }) => text))
      : await Promise.all(inputs.map(({ text, textPair }) => native.encode(text, textPair)));
    return encodings.map((encoding) => {
      const inputIds = Int32Array.from(encoding.getIds());
      const tokenTypeIds = settings.tokenTypes
        ? Int32Array.from(encoding.getTypeIds())
        : new Int32Array(inputIds.length);
      const truncated = inputIds.length >= maxLength && encoding.getOverflowing().length > 0;
      return { inputIds, tokenTypeIds, wordPositions: null, truncated };
    });
  };

  return {
    vocabSize: native.getVocabSize(),
    padTokenId: idOf(settings.padToken),
    maskTokenId: idOf(settings.maskToken),
    specialTokenIds: [...new Set(specialTokenIds)].sort((a, b) => a - b),
    maxLength: settings.maxLength,
    async encodeTexts(inputs, maxLength) {
      const run = lastCall.then(async () => {
        const encodings: TokenEncoding[] = [];
        for (let start = 0; start < inputs.length; start += inputsPerCall) {
          encodings.push(...(await encodeChunk(inputs.slice(start, start + inputsPerCall), maxLength)));
        }
        return encodings;
      });
      lastCall = run.catch(() => undefined);
      return run;
    },
    async encodeWords(sentences, maxLength) {
      wordEncoder ??= createWordEncoder(parseTokenizer(withPrefixSpace(json), where), where);
      return (await wordEncoder).encode(sentences, maxLength);
    },
    decode: (ids) => native.decode(Array.from(ids), true),
    tokenOf: (id) => native.idToToken(id),
    idOf,
  };
}

function parseTokenizer(json: string, where: string): NativeTokenizer {
  try {
    return NativeTokenizer.fromString(json);
  } catch (cause) {
    throw new RegmeanError('invalid-input', `${where}: is not a tokenizer: ${messageOf(cause)}`, { cause });
  }
}

/**
 * The tokenizer.json with `add_prefix_space` on: byte-level models know a word inside a sentence by
 * the space before it, and words that come one by one have lost theirs.
 */
function withPrefixSpace(json: string): string {
  const tokenizer = JSON.parse(json);
  const preTokenizer = tokenizer.pre_tokenizer;
  for (const step of [preTokenizer, ...(preTokenizer?.pretokenizers ?? [])]) {
    if (step?.type === 'ByteLevel') step.add_prefix_space = true;
  }
  return JSON.stringify(tokenizer);
}
