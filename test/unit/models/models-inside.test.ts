import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openModel } from '../../../shared/formats/open-model.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-inside-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

let count = 0;
/** A folder that holds empty JSON files, or the given texts. */
async function folderOf(files: readonly (string | readonly [path: string, text: string])[]): Promise<string> {
  const folder = join(root, String(count++));
  await mkdir(folder);
  for (const file of files) {
    const [path, text] = typeof file === 'string' ? [file, '{}'] : file;
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

async function expectRefusal(folder: string, hint: string | undefined): Promise<void> {
  await expect(openModel(folder)).rejects.toMatchObject({
    code: 'not-found',
    message: `${folder}: must be a Hugging Face model folder with config.json`,
    hint,
  });
}

describe('a folder that is no model', () => {
  it('but a training of Hugging Face’s Trainer names its checkpoints, the last and the best', async () => {
    const best: readonly [string, string] = [
      'checkpoint-1000/trainer_state.json',
      JSON.stringify({ best_model_checkpoint: '/home/someone/out/checkpoint-500' }),
    ];
    const folder = await folderOf([
      ...['checkpoint-1000/config.json', 'checkpoint-500/config.json', 'runs/events', 'training_args.bin'],
      best,
    ]);
    await expectRefusal(
      folder,
      'it holds checkpoints of a training, checkpoint-500, checkpoint-1000: name one of them, ' +
        `${join(folder, 'checkpoint-1000')} is the last, checkpoint-500 the best by its evaluation`,
    );
  });

  it('but trainings of adapters names them too, however many there are', async () => {
    const steps = [100, 200, 300, 400, 500].map((step) => `checkpoint-${step}/adapter_config.json`);
    const folder = await folderOf(steps);
    await expectRefusal(
      folder,
      'it holds checkpoints of a training, checkpoint-100, checkpoint-200, checkpoint-300, .. ' +
        `checkpoint-500: name one of them, ${join(folder, 'checkpoint-500')} is the last`,
    );
  });

  it('but a model in Hugging Face’s cache, or several, names them', async () => {
    const cached = await folderOf(['snapshots/1a2b/config.json', 'refs/main']);
    await expectRefusal(
      cached,
      `it holds models, snapshots/1a2b: name one, as ${join(cached, 'snapshots/1a2b')}`,
    );
    const several = await folderOf(['south/model.onnx', 'north/config.json', 'data/train.jsonl']);
    await expectRefusal(several, `it holds models, north, south: name one, as ${join(several, 'north')}`);
  });

  it('and holds none is refused without a hint', async () => {
    await expectRefusal(await folderOf(['data/train.jsonl', 'notes.txt']), undefined);
    await expectRefusal(join(root, 'absent'), undefined);
  });
});
