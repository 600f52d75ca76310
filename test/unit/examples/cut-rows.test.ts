import { expect, it } from 'vitest';
import { noteCutRows } from '../../../shared/examples/cut-rows.ts';
import { recordingContext } from '../../support/run-context.ts';

it('noteCutRows says how many rows were cut, where any were', () => {
  const context = recordingContext();
  for (const count of [0, 1, 2]) noteCutRows('rows.jsonl', count, context);
  expect(context.notes).toEqual([
    'rows.jsonl: 1 row was cut to the maximum length',
    'rows.jsonl: 2 rows were cut to the maximum length',
  ]);
});
