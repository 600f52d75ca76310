import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdamW, adamWDefaults, createAdamW } from '../../../../agent/training/adamw.ts';
import {
  removeCheckpoint,
  restoreCheckpoint,
  saveCheckpoint,
  type TrainingProgress,
} from '../../../../agent/training/checkpoint.ts';
import { createArena, type ParameterArena } from '../../../../agent/training/parameter-arena.ts';

const shapes = new Map([
  ['a.weight', [3]],
  ['a.bias', [1]],
]);
const progress: TrainingProgress = {
  step: 2,
  evaluatedEpochs: 1,
  best: { epoch: 1, metric: 0.5, metrics: { accuracy: 0.5 } },
  identity: 'mine',
};

let out: string;
let parameters: ParameterArena;
let gradients: ParameterArena;
let optimizer: AdamW;

beforeEach(async () => {
  out = join(await mkdtemp(join(tmpdir(), 'regmean-checkpoint-')), 'out');
  parameters = createArena(shapes);
  gradients = createArena(shapes);
  parameters.flat.set([1, 2, 3, 4]);
  gradients.flat.set([0.1, -0.2, 0.3, -0.4]);
  optimizer = createAdamW({ parameters, gradients }, adamWDefaults);
});
afterEach(async () => {
  await rm(join(out, '..'), { recursive: true, force: true });
});

describe('a checkpoint', () => {
  it('continues with the same bits: parameters, both moments and the number of steps', async () => {
    optimizer.step(0.1);
    optimizer.step(0.1);
    await saveCheckpoint(out, progress, parameters, optimizer);
    optimizer.step(0.1);
    const uninterrupted = [...parameters.flat];

    const restored = createArena(shapes);
    const other = createAdamW({ parameters: restored, gradients }, adamWDefaults);
    expect(await restoreCheckpoint({ out, identity: 'mine' }, restored, other)).toEqual(progress);
    expect([...restored.flat]).not.toEqual(uninterrupted);
    other.step(0.1);
    expect([...restored.flat]).toEqual(uninterrupted);
  });

  it('replaces the one before, and leaves nothing behind when it is removed', async () => {
    await saveCheckpoint(out, progress, parameters, optimizer);
    await saveCheckpoint(out, { ...progress, step: 7, best: null }, parameters, optimizer);
    expect(await readdir(join(out, '.training'))).toEqual(['state.safetensors']);
    expect(await restoreCheckpoint({ out, identity: 'mine' }, parameters, optimizer)).toMatchObject({
      step: 7,
      best: null,
    });
    await removeCheckpoint(out);
    expect(await readdir(out)).toEqual([]);
  });

  it('is nothing for a new folder, an empty one, or one that stopped before the first state', async () => {
    expect(await restoreCheckpoint({ out, identity: 'mine' }, parameters, optimizer)).toBeNull();
    await mkdir(out);
    expect(await restoreCheckpoint({ out, identity: 'mine' }, parameters, optimizer)).toBeNull();
    await mkdir(join(out, '.training'));
    await writeFile(join(out, 'model.safetensors'), 'of the first epoch');
    expect(await restoreCheckpoint({ out, identity: 'mine' }, parameters, optimizer)).toBeNull();
    expect([...parameters.flat]).toEqual([1, 2, 3, 4]);
  });

  it('refuses the state of a training with other data or options, and changes nothing', async () => {
    await saveCheckpoint(out, progress, parameters, optimizer);
    parameters.flat.fill(0);
    await expect(restoreCheckpoint({ out, identity: 'yours' }, parameters, optimizer)).rejects.toMatchObject({
      code: 'usage',
      message: `--out ${out}: holds an unfinished training with other data or options`,
      hint: 'repeat the arguments it was started with to continue it, or delete the folder',
    });
    expect([...parameters.flat]).toEqual([0, 0, 0, 0]);
  });

  it('refuses a folder that holds a finished model', async () => {
    await mkdir(out);
    await writeFile(join(out, 'config.json'), '{}');
    await expect(restoreCheckpoint({ out, identity: 'mine' }, parameters, optimizer)).rejects.toMatchObject({
      code: 'invalid-input',
      message: `${out}: must be a new or empty folder, or an unfinished training`,
    });
  });
});
