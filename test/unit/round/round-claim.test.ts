import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimRound } from '../../../merger/round/round-claim.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'regmean-claim-'));
});
afterEach(() => rm(dir, { recursive: true }));

const writeClaim = (claim: unknown) => writeFile(join(dir, 'serving.json'), JSON.stringify(claim));

describe('a round', () => {
  it('is not served by a second process while the first one lives', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    await once(other, 'spawn');
    await writeClaim({ host: hostname(), pid: other.pid });
    await expect(claimRound(dir)).rejects.toThrow(`process ${other.pid} serves this round already`);
    other.kill('SIGKILL');
    await once(other, 'close');
    await expect(claimRound(dir)).resolves.toBeTypeOf('function');
  });

  it('is free again when its merger has stopped', async () => {
    const release = await claimRound(dir);
    expect(await readdir(dir)).toEqual(['serving.json']);
    await release();
    expect(await readdir(dir)).toEqual([]);
  });

  it('can be taken over from another host, whose processes cannot be seen', async () => {
    await writeClaim({ host: 'elsewhere', pid: 1 });
    await expect(claimRound(dir)).resolves.toBeTypeOf('function');
  });
});
