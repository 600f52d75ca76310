import type { BrownDocument, BrownGenre } from './brown.ts';

/** The genres that fine-tuning takes as domains, one agent's private data each. */
export const brownDomains = ['news', 'religion', 'hobbies', 'government', 'learned', 'romance'] as const;

/** A genre that fine-tuning takes as a domain. */
export type BrownDomain = (typeof brownDomains)[number];

/** The genres that nothing is trained on: they tell how a model does outside of every domain. */
export const brownOutOfDomain = ['science-fiction', 'humor', 'reviews'] as const;

/** What a document of the Brown corpus may be used for; each document has one use only. */
export type BrownUse = 'pretraining' | 'fine-tuning' | 'out-of-domain';

/**
 * The one use of a document. Genres that are no domain are pretraining text; so are the
 * even-numbered documents of `learned`, which is twice as large as any other domain.
 */
export function brownUse(document: Pick<BrownDocument, 'id' | 'genre'>): BrownUse {
  if (isOneOf(brownOutOfDomain, document.genre)) return 'out-of-domain';
  if (!isOneOf(brownDomains, document.genre)) return 'pretraining';
  return document.genre === 'learned' && Number(document.id.slice(2)) % 2 === 0
    ? 'pretraining'
    : 'fine-tuning';
}

function isOneOf(genres: readonly BrownGenre[], genre: BrownGenre): boolean {
  return genres.includes(genre);
}
