import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toyRows, writeRows, writeTinyBase } from '../support/tiny-model.ts';
import { runCommand, startCommand, stopAllCommands } from '../support/wire-process.ts';

const epochs = 40;
let folder: string;
let uninterrupted: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-interrupted-'));
  await writeTinyBase(join(folder, 'base'));
  await writeRows(join(folder, 'train.jsonl'), toyRows('token-classification', 96, 1));
  await writeRows(join(folder, 'dev.jsonl'), toyRows('token-classification', 40, 2));
  const { code, stderr } = await runCommand(train('uninterrupted'));
  if (code !== 0) throw new Error(stderr);
  uninterrupted = await weightsOf('uninterrupted');
});
afterAll(async () => {
  await stopAllCommands();
  await rm(folder, { recursive: true, force: true });
});

/**
 * The training of this file into a folder; its rate is so low that the last epochs are the best.
 */
function train(out: string): string[] {
  const [model, data, dev] = ['base', 'train.jsonl', 'dev.jsonl'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  return [
    ...['train', '--model', model, '--task', 'token-classification', '--train', data, '--dev', dev],
    ...['--out', join(folder, out), '--epochs', `${epochs}`, '--lr', '3e-4', '--threads', '1'],
  ];
}

const weightsOf = (out: string): Promise<Buffer> => readFile(join(folder, out, 'model.safetensors'));

describe.each([
  ['SIGKILL', null],
  ['SIGINT', 130],
  ['SIGTERM', 130],
] as const)('a training that %s ends', (signal, exitCode) => {
  it('continues from its last state and ends in the bytes of one that was left alone', async () => {
    const running = startCommand(train(signal));
    await running.waitFor(new RegExp(`epoch 3/${epochs} on dev`));
    const stopped = await running.kill(signal);
    expect(stopped.code).toBe(exitCode);
    expect(stopped.stderr).not.toContain(`epoch ${epochs}/${epochs} on dev`);
    expect(stopped.stderr).not.toContain('    at ');
    expect(await readdir(join(folder, signal))).toContain('.training');
    if (exitCode !== null) {
      expect(stopped.stderr).toMatch(
        /\nerror: training stopped at step \d+\nhint: the same command continues from the last saved state in \S+\n$/,
      );
    }

    const [model, data] = [join(folder, signal), join(folder, 'dev.jsonl')];
    const asModel = ['--model', model, '--task', 'token-classification', '--data', data];
    const used = await runCommand(['evaluate', ...asModel]);
    expect(used.code).toBe(1);
    expect(used.stderr).toContain(`${model}: must be a model, got an unfinished training\nhint: repeat`);

    const { code, stderr } = await runCommand(train(signal));
    expect(code, stderr).toBe(0);
    expect(stderr).not.toContain(`epoch 2/${epochs} on dev`);
    expect(stderr).toContain(`epoch ${epochs}/${epochs} on dev`);
    expect((await weightsOf(signal)).equals(uninterrupted)).toBe(true);
    expect(await readdir(join(folder, signal))).not.toContain('.training');
  });
});
