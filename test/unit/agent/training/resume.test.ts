import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTraining } from '../../../../agent/training/run-training.ts';
import { type TrainingOptions, trainingDefaults } from '../../../../agent/training/training-options.ts';
import { readTrainingRecord } from '../../../../shared/contribution/training-record.ts';
import type { RunContext } from '../../../../shared/runtime/run-context.ts';
import { quietContext } from '../../../support/run-context.ts';
import { toyRows, writeRows, writeTinyBase } from '../../../support/tiny-model.ts';

let folder: string;
let options: TrainingOptions;
let uninterrupted: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-resume-'));
  options = {
    ...trainingDefaults,
    model: await writeTinyBase(join(folder, 'base')),
    task: 'token-classification',
    trainFiles: [await writeRows(join(folder, 'train.jsonl'), toyRows('token-classification', 40, 1))],
    devFiles: [await writeRows(join(folder, 'dev.jsonl'), toyRows('token-classification', 60, 2))],
    out: join(folder, 'uninterrupted'),
    epochs: 3,
    batchSize: 8,
    learningRate: 5e-3,
    freeze: [],
  };
  const { epoch } = await runTraining(options, quietContext);
  if (epoch !== options.epochs) throw new Error(`the last epoch must be the best, got ${epoch}`);
  uninterrupted = await weightsOf(options.out);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const weightsOf = (out: string): Promise<Buffer> => readFile(join(out, 'model.safetensors'));

/** A context that asks to stop after so many steps. */
function abortedAfter(steps: number): RunContext {
  const controller = new AbortController();
  let left = steps;
  const step = (): void => {
    if (left === 0) controller.abort();
    left--;
  };
  step();
  const progress = { update: step, finish() {} };
  return { ...quietContext, signal: controller.signal, progress: () => progress };
}

describe('an interrupted training', () => {
  it.each([
    ['before the first step', 0],
    ['within the first epoch', 3],
    ['at the end of an epoch', 5],
    ['within the second epoch', 7],
    ['before the last step', 14],
  ])('stopped %s and run again ends in the bytes of one that was never stopped', async (_, steps) => {
    const out = join(folder, `stopped-${steps}`);
    await expect(runTraining({ ...options, out }, abortedAfter(steps))).rejects.toMatchObject({
      code: 'interrupted',
      message: `training stopped at step ${steps}`,
      hint: `the same command continues from the last saved state in ${out}`,
    });
    expect(await readdir(out)).toContain('.training');
    const result = await runTraining({ ...options, out }, quietContext);
    expect((await weightsOf(out)).equals(uninterrupted)).toBe(true);
    expect(result.steps).toBe(15);
    expect(await readTrainingRecord(out)).toEqual(await readTrainingRecord(options.out));
    expect((await readdir(out)).sort()).toEqual(['config.json', 'model.safetensors', 'training.json']);
  });

  it('does not repeat the epochs that it had finished', async () => {
    const out = join(folder, 'counted');
    await expect(runTraining({ ...options, out }, abortedAfter(11))).rejects.toThrow('step 11');
    await expect(runTraining({ ...options, out }, abortedAfter(0))).rejects.toThrow('step 10');
  });

  it('can be stopped as often as wanted', async () => {
    const out = join(folder, 'often');
    for (const steps of [6, 5, 2]) {
      await expect(runTraining({ ...options, out }, abortedAfter(steps))).rejects.toThrow('training stopped');
    }
    await runTraining({ ...options, out }, quietContext);
    expect((await weightsOf(out)).equals(uninterrupted)).toBe(true);
  });

  it('is not continued with other options or other data, and is still there for its own', async () => {
    const out = join(folder, 'refused');
    await expect(runTraining({ ...options, out }, abortedAfter(7))).rejects.toThrow('training stopped');
    const otherRows = await writeRows(join(folder, 'other.jsonl'), toyRows('token-classification', 40, 9));
    for (const changes of [
      { learningRate: 1e-3 },
      { seed: 1 },
      { freeze: [/embeddings/] },
      { trainFiles: [otherRows] },
      { devFiles: [] },
    ]) {
      await expect(runTraining({ ...options, out, ...changes }, quietContext)).rejects.toMatchObject({
        code: 'usage',
        message: `--out ${out}: holds an unfinished training with other data or options`,
      });
    }
    await runTraining({ ...options, out }, quietContext);
    expect((await weightsOf(out)).equals(uninterrupted)).toBe(true);
  });

  it('is not begun again when it is finished', async () => {
    await expect(runTraining(options, quietContext)).rejects.toThrow(
      `${options.out}: must be a new or empty folder`,
    );
  });
});
