import type { RunContext } from '../runtime/run-context.ts';
import { counted } from '../text/amounts.ts';

/** What is said of rows that did not fit the longest sequence. */
export function cutRows(count: number): string {
  return `${counted(count, 'row was', 'rows were')} cut to the maximum length`;
}

/** Tells how many rows of some data were cut, where any were. */
export function noteCutRows(data: string, count: number, context: Pick<RunContext, 'note'>): void {
  if (count > 0) context.note(`${data}: ${cutRows(count)}`);
}
