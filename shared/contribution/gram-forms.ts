/** @file Words about the form of Grams that agent, recipes and experiments share. */

/**
 * How much of a Gram is written. `dense`: all of it. `factored`: a factor of low rank and the
 * diagonal. `diagonal`: the diagonal alone.
 */
export const gramForms = ['dense', 'factored', 'diagonal'] as const;
export type GramFormName = (typeof gramForms)[number];

/** What is written of every Gram. */
export interface GramForm {
  readonly form: GramFormName;
  /** Rows of a factor at most. */
  readonly rank: number;
  /**
   * Of Grams of single tokens, before any attention: these are sums over the vocabulary, which a
   * factor would still tell of.
   */
  readonly tokenForm: GramFormName;
}

/** What is written of Grams, and `none` where there are to be none. */
export const gramChoices = [...gramForms, 'none'] as const;

/** Rank 16 was measured to merge as dense Grams do. */
export const defaultGramRank = 16;

/** What people say of Grams in flags, recipes and experiments. */
export interface GramWishes {
  readonly grams: (typeof gramChoices)[number];
  readonly rank?: number | undefined;
  readonly tokenGrams?: GramFormName | undefined;
}

/**
 * The form that is wished for, with what belongs to it: of single tokens the diagonal, unless all
 * Grams are dense. Undefined where there are to be no Grams.
 */
export function gramFormOf({ grams, rank = defaultGramRank, tokenGrams }: GramWishes): GramForm | undefined {
  if (grams === 'none') return undefined;
  return { form: grams, rank, tokenForm: tokenGrams ?? (grams === 'dense' ? grams : 'diagonal') };
}

/** What is wrong with wishes, by key. */
export function complaintsAboutGrams({
  grams,
  rank,
  tokenGrams,
}: GramWishes): Readonly<Partial<Record<'rank' | 'tokenGrams', string>>> {
  const needs = 'must be absent without factored Grams';
  const isFactored = grams === 'factored' || tokenGrams === 'factored';
  return {
    ...(rank !== undefined && !isFactored ? { rank: needs } : {}),
    ...(tokenGrams !== undefined && grams === 'none' ? { tokenGrams: 'must be absent without Grams' } : {}),
  };
}
