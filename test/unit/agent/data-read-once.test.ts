import * as fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { evaluateModels } from '../../../agent/inference/evaluate-models.ts';
import { runTraining } from '../../../agent/training/run-training.ts';
import { trainingDefaults } from '../../../agent/training/training-options.ts';
import { quietContext } from '../../support/run-context.ts';
import { toyRows, writeRows, writeTinyBase } from '../../support/tiny-model.ts';

vi.mock('node:fs', async (original) => {
  const actual = await original<typeof fs>();
  return { ...actual, createReadStream: vi.fn(actual.createReadStream) };
});

const task = 'text-classification';
let folder: string;
let base: string;
let trainFile: string;
let devFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-read-once-'));
  base = await writeTinyBase(join(folder, 'base'));
  trainFile = await writeRows(join(folder, 'train.jsonl'), toyRows(task, 12, 1));
  devFile = await writeRows(join(folder, 'dev.jsonl'), toyRows(task, 8, 2));
});
afterEach(() => vi.clearAllMocks());
afterAll(() => rm(folder, { recursive: true, force: true }));

/** How often the data were opened, in the order of first opening. */
function openings(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [path] of vi.mocked(fs.createReadStream).mock.calls) {
    const name = String(path);
    if (name.endsWith('.jsonl')) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

it('a training reads its files once: classes, examples and digests are of the same bytes', async () => {
  const options = { ...trainingDefaults, model: base, task, freeze: [], epochs: 1, batchSize: 8 } as const;
  const out = join(folder, 'tuned');
  await runTraining({ ...options, trainFiles: [trainFile], devFiles: [devFile], out }, quietContext);
  expect(openings()).toEqual({ [trainFile]: 1, [devFile]: 1 });
});

it('an evaluation of several models reads a file once', async () => {
  const models = [join(folder, 'tuned'), join(folder, 'tuned')];
  const options = { models, task, dataFiles: [devFile], ensemble: true, batchSize: 8 } as const;
  const [first, second] = await evaluateModels(options, quietContext);
  expect(second?.metrics).toEqual(first?.metrics);
  expect(openings()).toEqual({ [devFile]: 1 });
});
