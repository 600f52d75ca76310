/**
 * @file How a data file writes a class. JSON and Parquet have numbers and truth values, CSV only
 *   their text, and pandas writes 1.0 where a column has gaps; all of them mean the same class.
 */

/** The truth value that a label is, as pandas, JSON and R write it; null for others. */
export function truthOf(label: string | number): boolean | null {
  if (typeof label === 'number') return null;
  const text = label.toLowerCase();
  return text === 'true' || text === 'false' ? text === 'true' : null;
}

/** The integer that a label is: 1, `1` or `1.0`; null for others. */
export function integerOf(label: string | number): number | null {
  return /^-?\d+(\.0*)?$/.test(String(label)) ? Number(label) : null;
}

/** A value of a data file as a class name or index; null where it is neither. */
export function classLabelOf(value: unknown): string | number | null {
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : null;
  if (typeof value !== 'string' || value === '') return null;
  return isFraction(value) ? null : value;
}

/** Whether a text is a number with a fraction: a value, not a class. */
function isFraction(text: string): boolean {
  return /^[+-]?\d*\.\d+(e[+-]?\d+)?$/i.test(text) && integerOf(text) === null;
}
