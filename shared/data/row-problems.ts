import { RegmeanError } from '../errors.ts';
import type { RowSource } from './row.ts';

const shownProblems = 10;

/** Bad rows gathered over one pass, so that a user can mend them all at once. */
export interface RowProblems {
  readonly count: number;
  add(source: RowSource, problem: string): void;
  /**
   * @throws RegmeanError `invalid-input` that names the first ten bad rows and the count, if there
   *   are any
   */
  throwIfAny(hint?: string): void;
}

/** Starts gathering bad rows. */
export function createRowProblems(): RowProblems {
  const shown: string[] = [];
  let count = 0;
  return {
    get count() {
      return count;
    },
    add({ file, row }, problem) {
      if (count < shownProblems) shown.push(`${file}, row ${row}: ${problem}`);
      count++;
    },
    throwIfAny(hint) {
      if (count === 0) return;
      const options = hint === undefined ? {} : { hint };
      if (count === 1) throw new RegmeanError('invalid-input', shown[0] ?? '', options);
      const rest = count > shown.length ? [`and ${count - shown.length} more`] : [];
      const lines = [`${count} bad rows:`, ...shown, ...rest];
      throw new RegmeanError('invalid-input', lines.join('\n  '), options);
    },
  };
}

/** A value as an error message shows it: JSON, cut to 60 characters. */
export function show(value: unknown): string {
  const plain = (_: string, part: unknown): unknown => (typeof part === 'bigint' ? String(part) : part);
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  const text = isNumber ? String(value) : JSON.stringify(value, plain);
  if (text === undefined) return 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
