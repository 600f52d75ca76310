import { expect, it, vi } from 'vitest';
import { counted, noteCutRows } from '../../../shared/cli/counted.ts';

it('counted has one thing in the singular', () => {
  expect([0, 1, 2].map((count) => counted(count, 'row'))).toEqual(['0 rows', '1 row', '2 rows']);
  expect(counted(2, 'class', 'classes')).toBe('2 classes');
});

it('noteCutRows says how many rows were cut, where any were', () => {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  for (const count of [0, 1, 2]) noteCutRows('rows.jsonl', count);
  const lines = write.mock.calls.map(([line]) => line);
  write.mockRestore();
  expect(lines).toEqual([
    'rows.jsonl: 1 row was cut to the maximum length\n',
    'rows.jsonl: 2 rows were cut to the maximum length\n',
  ]);
});
