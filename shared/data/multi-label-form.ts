import type { Row } from './row.ts';

/** How the rows of a multi-label data set write their classes. */
export type MultiLabelForm =
  | { readonly kind: 'vectors'; readonly size: number } // one 0 or 1 per class
  | { readonly kind: 'lists' }; // the names or indices of the classes that apply

/**
 * Whether labels are 0/1 vectors or lists. They are vectors when every labelled row has an array of
 * the same length (`classes`, if known) that holds nothing but the numbers 0 and 1; otherwise lists
 * of names or indices. The decision is made for all rows together, so a data set of lists is not
 * misread because of a row `[0, 1]` unless every row looks like that.
 */
export function multiLabelForm(rows: readonly Row[], classes: number | null): MultiLabelForm {
  let size = classes;
  let labelled = false;
  for (const { label } of rows) {
    if (label === null) continue;
    if (!Array.isArray(label)) return { kind: 'lists' };
    size ??= label.length;
    if (label.length !== size || size === 0) return { kind: 'lists' };
    if (!label.every((value) => value === 0 || value === 1)) return { kind: 'lists' };
    labelled = true;
  }
  return labelled && size !== null ? { kind: 'vectors', size } : { kind: 'lists' };
}
