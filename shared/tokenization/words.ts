/**
 * @file Sentences that are split into words already. Hugging Face's library takes each such word
 *   through normalization, pre-tokenization and the model on its own and then joins the pieces; the
 *   Node bindings take only strings, so the joining is done here, and every distinct word is
 *   tokenized once. Whether a word gets the space that stood before it in the sentence is the
 *   tokenizer's own `add_prefix_space`.
 */

const wordsPerCall = 8192;

/** The tokens of each word. */
export async function piecesOfWords(
  words: ReadonlySet<string>,
  piecesOf: (texts: readonly string[]) => Promise<readonly (readonly number[])[]>,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const pieces = new Map<string, readonly number[]>();
  const all = [...words];
  for (let start = 0; start < all.length; start += wordsPerCall) {
    const chunk = all.slice(start, start + wordsPerCall);
    const found = await piecesOf(chunk);
    for (const [index, word] of chunk.entries()) pieces.set(word, found[index] ?? []);
  }
  return pieces;
}

/** Which tokens of a sentence are kept, and how many stand before them. */
interface KeptTokens {
  readonly first: number;
  readonly kept: number;
  readonly before: number;
}

/**
 * Where the first token of each word stands, -1 for a word that gives none; of a word that is cut
 * on the left, the first token that is left of it.
 */
export function wordPositions(
  wordIds: readonly (readonly number[])[],
  { first, kept, before }: KeptTokens,
): Int32Array {
  const positions = new Int32Array(wordIds.length).fill(-1);
  let start = 0;
  for (const [index, { length }] of wordIds.entries()) {
    const left = Math.max(start, first);
    if (left < Math.min(start + length, first + kept)) positions[index] = before + left - first;
    start += length;
  }
  return positions;
}
