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

/** Rank 16 was measured to merge as dense Grams do. */
export const defaultGramRank = 16;

/** A form with what belongs to it: of single tokens the diagonal, unless all Grams are dense. */
export function gramForm(
  form: GramFormName,
  { rank = defaultGramRank, tokenForm = form === 'dense' ? form : 'diagonal' }: Partial<GramForm> = {},
): GramForm {
  return { form, rank, tokenForm };
}
