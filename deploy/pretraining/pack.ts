/**
 * Packs neighbouring texts into sequences of up to `mostWords` words and punctuation marks, in
 * order. A text that is longer stays a sequence by itself.
 *
 * @param separator what stands between two texts of one sequence: a blank for running text, ` [SEP]
 *   ` for unrelated texts
 */
export function packTexts(texts: Iterable<string>, separator: string, mostWords: number): string[] {
  const sequences: string[] = [];
  let held: string[] = [];
  let heldWords = 0;
  const flush = (): void => {
    if (held.length > 0) sequences.push(held.join(separator));
    held = [];
    heldWords = 0;
  };
  for (const text of texts) {
    const words = countWords(text);
    if (heldWords + words > mostWords) flush();
    held.push(text);
    heldWords += words;
  }
  flush();
  return sequences;
}

/** The number of words and punctuation marks of a text. */
export function countWords(text: string): number {
  return text.match(/[\p{L}\p{N}]+|[^\p{L}\p{N}\s]/gu)?.length ?? 0;
}
