import type { BrownSentence } from '../pretraining/corpora/brown.ts';

/** The labels of name and title spans, in IOB2. */
export const nameLabels = ['O', 'B-NAME', 'I-NAME', 'B-TITLE', 'I-TITLE'] as const;

/**
 * Marks the spans that Brown's tags imply. A run of words tagged as part of a title (`-tl`) is one
 * TITLE, such as `City of Atlanta` or `Judge`, unless all of them are proper nouns; a run of proper
 * nouns (`np`, `nps`, also in the possessive) is a NAME, such as `Mr. Ivan Allen Jr.`
 *
 * @returns one IOB2 tag per word
 */
export function nameTags(sentence: BrownSentence): string[] {
  const kinds = sentence.tags.map(kindOf);
  const result: string[] = [];
  for (let start = 0; start < kinds.length; ) {
    const inTitle = kinds[start]?.title === true;
    let end = start + 1;
    if (kinds[start]?.title || kinds[start]?.name) {
      while (end < kinds.length && sameSpan(kinds[end] as TokenKind, inTitle)) end++;
    }
    const run = kinds.slice(start, end);
    const label = run.every((kind) => kind.name) ? 'NAME' : inTitle ? 'TITLE' : undefined;
    run.forEach((_, offset) => {
      result.push(label === undefined ? 'O' : `${offset === 0 ? 'B' : 'I'}-${label}`);
    });
    start = end;
  }
  return result;
}

interface TokenKind {
  readonly title: boolean;
  readonly name: boolean;
}

function kindOf(tag: string): TokenKind {
  const [base = '', ...suffixes] = tag.split('-');
  return { title: suffixes.includes('tl'), name: /^nps?\$?(\+|$)/.test(base) };
}

function sameSpan(kind: TokenKind, inTitle: boolean): boolean {
  return inTitle ? kind.title : kind.name && !kind.title;
}
