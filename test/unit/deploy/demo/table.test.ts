import { describe, expect, it } from 'vitest';
import { formatTable, type TextTable } from '../../../../deploy/demo/table.ts';

const table: TextTable = {
  labelHeader: 'model',
  columns: ['news', 'average'],
  groups: [
    [{ label: 'one', cells: ['1.5', '100.0'], bold: [false, true] }],
    [{ label: 'another', cells: ['12.5', undefined] }],
  ],
};

describe('formatTable', () => {
  it('aligns labels to the left and cells to the right, with a rule before every group', () => {
    expect(formatTable(table, false)).toEqual([
      'model    news  average',
      '──────────────────────',
      'one       1.5    100.0',
      '──────────────────────',
      'another  12.5',
    ]);
  });

  it('shows bold cells on a terminal without moving the columns', () => {
    expect(formatTable(table, true)[2]).toBe('one       1.5  \x1b[1m  100.0\x1b[22m');
  });
});
