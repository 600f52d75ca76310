/**
 * Shows what several processes say: on a terminal one line each that stays in its place, elsewhere
 * every line.
 */
export interface StatusLines {
  show(label: string, line: string): void;
  /** Leaves the last lines where they are. */
  finish(): void;
}

/** Where status lines are written. */
export interface StatusStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const defaultColumns = 100;

/** @param labels the processes, from top to bottom */
export function createStatusLines(labels: readonly string[], stream: StatusStream): StatusLines {
  const width = Math.max(...labels.map((label) => label.length));
  const format = (label: string, line: string): string => `${label.padEnd(width)} │ ${line}`;
  if (stream.isTTY !== true) {
    return { show: (label, line) => stream.write(`${format(label, line)}\n`), finish: () => undefined };
  }
  const lines = new Map(labels.map((label) => [label, '']));
  let drawn = false;
  return {
    show(label, line) {
      lines.set(label, line);
      const columns = stream.columns ?? defaultColumns;
      const drawing = [...lines].map(
        ([name, text]) => `\x1b[2K${format(name, text).slice(0, columns - 1)}\n`,
      );
      stream.write(`${drawn ? `\x1b[${lines.size}A` : ''}${drawing.join('')}`);
      drawn = true;
    },
    finish() {
      drawn = false;
    },
  };
}
