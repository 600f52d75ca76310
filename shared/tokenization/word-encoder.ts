/**
 * @file Tokens of sentences that are split into words already. Hugging Face's library takes each
 *   such word through normalization, pre-tokenization and the model on its own and then joins the
 *   pieces; the Node bindings take only strings, so the joining, cutting and framing by special
 *   tokens is done here, and every distinct word is tokenized once.
 */
import type { Tokenizer as NativeTokenizer } from 'tokenizers';
import { RegmeanError } from '../errors.ts';
import type { TokenEncoding } from './token-encoding.ts';

/** Tokenizes sentences of words. */
export interface WordEncoder {
  encode(sentences: readonly (readonly string[])[], maxLength: number): Promise<TokenEncoding[]>;
}

const wordsPerCall = 8192;

/**
 * A word encoder over a tokenizer whose byte-level step, if it has one, puts a space before each
 * word.
 *
 * @param where the tokenizer's file, for errors
 * @throws RegmeanError `unsupported` when the special tokens around a sentence cannot be told
 */
export async function createWordEncoder(native: NativeTokenizer, where: string): Promise<WordEncoder> {
  native.disablePadding();
  native.disableTruncation();
  const { prefix, suffix } = await specialTokensAround(native, where);
  return {
    async encode(sentences, maxLength) {
      const pieces = await piecesOf(native, new Set(sentences.flat()));
      return sentences.map((words) => {
        const room = Math.max(0, maxLength - prefix.length - suffix.length);
        const ids: number[] = [...prefix];
        const wordPositions = new Int32Array(words.length).fill(-1);
        let truncated = false;
        for (const [index, word] of words.entries()) {
          const wordIds = pieces.get(word) ?? [];
          const left = room + prefix.length - ids.length;
          if (wordIds.length > left) truncated = true;
          if (wordIds.length > 0 && left > 0) wordPositions[index] = ids.length;
          ids.push(...wordIds.slice(0, left));
          if (truncated) break;
        }
        ids.push(...suffix);
        const inputIds = Int32Array.from(ids);
        return { inputIds, tokenTypeIds: new Int32Array(ids.length), wordPositions, truncated };
      });
    },
  };
}

async function specialTokensAround(
  native: NativeTokenizer,
  where: string,
): Promise<{ prefix: number[]; suffix: number[] }> {
  const encoding = await native.encode('a');
  const ids = encoding.getIds();
  const special = encoding.getSpecialTokensMask();
  const first = special.indexOf(0);
  if (first < 0) {
    throw new RegmeanError(
      'unsupported',
      `${where}: must give a token for the text "a", got special tokens only`,
    );
  }
  return { prefix: ids.slice(0, first), suffix: ids.slice(special.lastIndexOf(0) + 1) };
}

async function piecesOf(
  native: NativeTokenizer,
  words: ReadonlySet<string>,
): Promise<Map<string, readonly number[]>> {
  const pieces = new Map<string, readonly number[]>();
  const all = [...words];
  for (let start = 0; start < all.length; start += wordsPerCall) {
    const chunk = all.slice(start, start + wordsPerCall);
    const encodings = await native.encodeBatch(chunk, { addSpecialTokens: false });
    for (const [index, word] of chunk.entries()) pieces.set(word, encodings[index]?.getIds() ?? []);
  }
  return pieces;
}
