/** The length of a run of words that tells that a text was copied, in words. */
const runLength = 8;

/** Tells whether a text repeats one that is reserved for fine-tuning and tests. */
export type ReservedText = (text: string) => boolean;

/**
 * A text without case, blanks and everything but letters and digits: what is compared when
 * duplicates are sought.
 */
export function comparableText(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');
}

/**
 * A test for texts that equal a reserved one, letters and digits compared, or share a run of eight
 * words with one: two packages may quote the same review.
 */
export function reserveTexts(reserved: Iterable<string>): ReservedText {
  const whole = new Set<string>();
  const runs = new Set<string>();
  for (const text of reserved) {
    whole.add(comparableText(text));
    for (const run of wordRuns(text)) runs.add(run);
  }
  return (text) => whole.has(comparableText(text)) || wordRuns(text).some((run) => runs.has(run));
}

function wordRuns(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const runs: string[] = [];
  for (let start = 0; start + runLength <= words.length; start++) {
    runs.push(words.slice(start, start + runLength).join(' '));
  }
  return runs;
}
