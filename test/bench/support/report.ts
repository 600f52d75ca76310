/** Prints a heading and lines of `name  value`, the values in one column. */
export function printReport(title: string, lines: readonly (readonly [string, string])[]): void {
  const width = Math.max(...lines.map(([name]) => name.length));
  const body = lines.map(([name, value]) => `  ${name.padEnd(width)}  ${value}\n`).join('');
  process.stdout.write(`${title}\n${body}`);
}

/** A measured ratio beside its target: `2.31 (target: at least 2)`. */
export function againstTarget(ratio: number, target: string): string {
  return `${ratio.toFixed(2)} (target: ${target})`;
}
