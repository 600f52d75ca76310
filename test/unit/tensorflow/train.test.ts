import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as core from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { trainLayersModel } from '../../../agent/tensorflow/train.ts';
import { trainingDefaults } from '../../../agent/training/training-options.ts';
import { quietContext } from '../../support/run-context.ts';
import { writeTinyLayersModel } from '../../support/tiny-layers-model.ts';
import { writeRows } from '../../support/tiny-model.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-layers-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('training a LayersModel builds its network once, and leaves nothing in memory', async () => {
  const model = await writeTinyLayersModel(join(folder, 'model'));
  const rows = Array.from({ length: 6 }, (_, row) => ({
    input_ids: [1 + row, 3, 5],
    label: row % 2 === 0 ? 'cold' : 'warm',
  }));
  const data = join(folder, 'rows.jsonl');
  await writeRows(data, rows);
  const train = (out: string) =>
    trainLayersModel(
      {
        ...trainingDefaults,
        ...{ model, task: 'text-classification', trainFiles: [data], devFiles: [data], freeze: [] },
        ...{ epochs: 2, out: join(folder, out) },
      },
      quietContext,
    );
  await train('first');
  const before = core.memory().numTensors;
  const made = vi.spyOn(core.engine(), 'makeVariable');
  expect((await train('second')).labels).toEqual(['cold', 'warm']);
  // Of the Embedding's table; what Adam keeps of it has names of its own.
  const tables = made.mock.calls.filter(([, , name = '']) => /^words\/embeddings(_\d+)?$/.test(name));
  expect(tables).toHaveLength(1);
  expect(core.memory().numTensors).toBe(before);
});
