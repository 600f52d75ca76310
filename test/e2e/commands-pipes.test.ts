import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, saveModel } from '../../shared/models/model-folder.ts';
import { tinyConfig, toyRows, writeRows } from '../support/tiny-model.ts';
import { builtProgram } from '../support/wire-process.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-pipes-'));
  await saveModel(folder, createModel(tinyConfig, 'text-classification', ['cold', 'warm'], 1));
  await writeRows(join(folder, 'rows.jsonl'), toyRows('text-classification', 8, 1));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs `regmean ...args`, whose reader of one stream has left before it says a word. */
async function runUnread(
  unread: 'stdout' | 'stderr',
  args: readonly string[],
): Promise<{ code: number | null; heard: string }> {
  const child = spawn(process.execPath, [builtProgram, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  child[unread].destroy();
  let heard = '';
  child[unread === 'stdout' ? 'stderr' : 'stdout'].on('data', (data: Buffer) => {
    heard += data.toString();
  });
  const [code] = await once(child, 'close');
  return { code: code as number | null, heard };
}

describe('a reader that leaves early', () => {
  it.each([
    ['the help', ['--help']],
    ["a command's help", ['train', '--help']],
    ['the version', ['--version']],
  ])('ends %s without a word', async (_, args) => {
    expect(await runUnread('stdout', args)).toEqual({ code: 0, heard: '' });
  });

  it.each([
    ['a command line that is wrong', ['train'], 2],
    ['a folder that is no contribution', ['merge', 'absent', '--method', 'simple', '--out', 'new'], 1],
  ])('leaves the exit code of %s', async (_, args, code) => {
    expect(await runUnread('stderr', args)).toEqual({ code, heard: '' });
  });

  it.each(['stdout', 'stderr'] as const)('does not stop work when it read %s', async (unread) => {
    const out = join(folder, `${unread}.jsonl`);
    const args = ['predict', '--model', folder, '--task', 'text-classification'];
    const { code } = await runUnread(unread, [...args, '--data', join(folder, 'rows.jsonl'), '--out', out]);
    expect(code).toBe(0);
    expect((await readFile(out, 'utf8')).trim().split('\n')).toHaveLength(8);
  });
});
