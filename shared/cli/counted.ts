/** A number of things as a sentence has it: `1 row`, `2 rows`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** What is said of rows that did not fit the longest sequence. */
export function cutRows(count: number): string {
  return `${counted(count, 'row was', 'rows were')} cut to the maximum length`;
}

/** Tells the user how many rows of some data were cut, on standard error. */
export function noteCutRows(data: string, count: number): void {
  if (count > 0) process.stderr.write(`${data}: ${cutRows(count)}\n`);
}
