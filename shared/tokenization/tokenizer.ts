/**
 * @file Tokenization with Hugging Face's own Rust library (the `tokenizers` package): it is the
 *   reference, so parity is by construction, also for Oniguruma patterns and SentencePiece's
 *   precompiled normalizers that the pure JavaScript `@huggingface/tokenizers` only approximates;
 *   it measured 1.2 times as fast on WordPiece, works off the main thread, and its one package
 *   holds the binaries of all platforms.
 */

import { messageOf, RegmeanError } from '../errors.ts';
import type { BuiltTokenizer } from './build-tokenizer.ts';
import { type Frames, framed, framesOf, keptLengths } from './frame.ts';
import type { TokenEncoding } from './token-encoding.ts';
import { piecesOfWords, wordPositions } from './words.ts';

/** A text, or two texts that are read together. */
export interface TextInput {
  readonly text: string;
  readonly textPair: string | null;
}

/** A model folder's tokenizer. */
export interface Tokenizer {
  /** The most tokens that tokenizer and model allow; Infinity when neither says. */
  readonly maxLength: number;
  /** Tokens of texts; pairs are cut longest first. */
  encodeTexts(inputs: readonly TextInput[], maxLength: number): Promise<TokenEncoding[]>;
  /** Tokens of sentences that are split into words already. */
  encodeWords(sentences: readonly (readonly string[])[], maxLength: number): Promise<TokenEncoding[]>;
  /** What people who give words should know of how they are read; null for nothing. */
  readonly noteOnWords: string | null;
  /** The text of token ids, without special tokens. */
  decode(ids: ArrayLike<number>): Promise<string>;
}

/** Which end of a text that is too long is cut off. */
export type TruncationSide = 'left' | 'right';

/** How texts are encoded and decoded. */
export interface TokenizerSettings {
  /** The vocabulary's file, for errors. */
  readonly where: string;
  readonly maxLength: number;
  /** Whether the second text of a pair is marked by token type 1; otherwise all types are 0. */
  readonly tokenTypes: boolean;
  readonly truncationSide: TruncationSide;
  /** The file whose `add_prefix_space` would put a space before words; null where it is there. */
  readonly wordsLackSpaceIn: string | null;
  /** Whether decoded text loses the spaces before punctuation. */
  readonly cleansText: boolean;
}

const inputsPerCall = 1024;

/** A tokenizer over the library's. */
export function createTokenizer(
  { native, reader, samples }: Pick<BuiltTokenizer, 'native' | 'reader' | 'samples'>,
  settings: TokenizerSettings,
): Tokenizer {
  const { maxLength, tokenTypes, truncationSide, cleansText, wordsLackSpaceIn } = settings;
  let frames: Promise<Frames> | null = null;
  const loadFrames = (): Promise<Frames> => {
    frames ??= answerOf(framesOf(native, samples, settings.where));
    return frames;
  };
  /** What the library answers; it refuses some tokenizers only when it comes to a text. */
  const answerOf = async <T>(asked: Promise<T>): Promise<T> => {
    try {
      return await asked;
    } catch (cause) {
      if (cause instanceof RegmeanError) throw cause;
      const problem = `${settings.where}: cannot tokenize: ${messageOf(cause)}`;
      throw new RegmeanError('invalid-input', problem, { cause });
    }
  };
  const piecesOf = async (texts: readonly string[]): Promise<readonly (readonly number[])[]> => {
    const encodings = await answerOf(reader.encodeBatch([...texts], { addSpecialTokens: false }));
    return encodings.map((encoding) => encoding.getIds());
  };
  const cut = (pieces: readonly number[], kept: number): readonly number[] =>
    truncationSide === 'left' ? pieces.slice(pieces.length - kept) : pieces.slice(0, kept);

  const encodeChunk = async (inputs: readonly TextInput[], longest: number): Promise<TokenEncoding[]> => {
    const { single, pair } = await loadFrames();
    const first = await piecesOf(inputs.map(({ text }) => text));
    const second = (await piecesOf(inputs.flatMap(({ textPair }) => textPair ?? []))).values();
    return inputs.map(({ textPair }, index) => {
      const own = first[index] ?? [];
      const texts = textPair === null ? [own] : [own, second.next().value ?? []];
      const frame = textPair === null ? single : pair;
      const lengths = texts.map(({ length }) => length);
      const kept = keptLengths(lengths, longest - frame.length);
      const { inputIds, tokenTypeIds } = framed(
        frame,
        texts.map((pieces, text) => cut(pieces, kept[text] ?? 0)),
      );
      return {
        inputIds,
        tokenTypeIds: tokenTypes ? tokenTypeIds : new Int32Array(inputIds.length),
        wordPositions: null,
        truncated: kept.some((count, text) => count < (lengths[text] ?? 0)),
      };
    });
  };

  return {
    maxLength,
    noteOnWords:
      wordsLackSpaceIn === null
        ? null
        : `words are read without the space before them; "add_prefix_space": true in the base's ` +
          `${wordsLackSpaceIn} reads them as in running text`,
    async encodeTexts(inputs, longest) {
      const encodings: TokenEncoding[] = [];
      for (let start = 0; start < inputs.length; start += inputsPerCall) {
        encodings.push(...(await encodeChunk(inputs.slice(start, start + inputsPerCall), longest)));
      }
      return encodings;
    },
    async encodeWords(sentences, longest) {
      const { single } = await loadFrames();
      const pieces = await piecesOfWords(new Set(sentences.flat()), piecesOf);
      return sentences.map((words) => {
        const wordIds = words.map((word) => pieces.get(word) ?? []);
        const all = wordIds.flat();
        const [kept = 0] = keptLengths([all.length], longest - single.length);
        const first = truncationSide === 'left' ? all.length - kept : 0;
        const { inputIds } = framed(single, [cut(all, kept)]);
        return {
          inputIds,
          tokenTypeIds: new Int32Array(inputIds.length),
          wordPositions: wordPositions(wordIds, { first, kept, before: single.ids[0]?.length ?? 0 }),
          truncated: kept < all.length,
        };
      });
    },
    async decode(ids) {
      const text = await answerOf(native.decode(Array.from(ids), true));
      return cleansText ? withoutSpaces(text) : text;
    },
  };
}

/** What `clean_up_tokenization_spaces` replaces, in this order. */
const replacements = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
] as const;

function withoutSpaces(text: string): string {
  return replacements.reduce((cleaned, [from, to]) => cleaned.replaceAll(from, to), text);
}
