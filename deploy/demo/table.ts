/** One row: what it is about and its cells; `undefined` is an empty cell. */
export interface TableRow {
  readonly label: string;
  readonly cells: readonly (string | undefined)[];
  /** Which cells to show in bold. */
  readonly bold?: readonly boolean[];
}

/** A table for people: a header, then groups of rows with a rule between them. */
export interface TextTable {
  readonly labelHeader: string;
  readonly columns: readonly string[];
  readonly groups: readonly (readonly TableRow[])[];
}

const gap = '  ';

/**
 * A table as lines of text: labels to the left, cells to the right, columns as wide as they must
 * be.
 *
 * @param color whether the terminal shows bold
 */
export function formatTable(table: TextTable, color: boolean): string[] {
  const rows = table.groups.flat();
  const labelWidth = Math.max(
    ...[table.labelHeader, ...rows.map((row) => row.label)].map((text) => text.length),
  );
  const widths = table.columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => row.cells[index]?.length ?? 0)),
  );
  const line = (
    label: string,
    cells: readonly (string | undefined)[],
    bold: readonly boolean[] = [],
  ): string => {
    const padded = widths.map((width, index) => {
      const text = (cells[index] ?? '').padStart(width);
      return color && bold[index] === true ? `\x1b[1m${text}\x1b[22m` : text;
    });
    return [label.padEnd(labelWidth), ...padded].join(gap).trimEnd();
  };
  const rule = '─'.repeat(labelWidth + widths.reduce((sum, width) => sum + gap.length + width, 0));
  return [
    line(table.labelHeader, table.columns),
    ...table.groups.flatMap((group) => [rule, ...group.map((row) => line(row.label, row.cells, row.bold))]),
  ];
}
