/**
 * @file One merger per round: a second process on the same files would undo what the first one
 *   does.
 */
import { readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { RegmeanError } from '../../shared/errors.ts';
import { writeJsonAtomically } from '../../shared/files/atomic-write.ts';
import { z } from '../../shared/zod.ts';

const claimSchema = z.object({ host: z.string(), pid: z.int() });

/**
 * Claims a round for this process. The claim of a process that has died, or that ran on another
 * host, is taken over.
 *
 * @param dir folder of the round
 * @returns how to give the claim back
 * @throws RegmeanError when a living process of this host serves the round
 */
export async function claimRound(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, 'serving.json');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const claim = text === undefined ? undefined : claimSchema.safeParse(JSON.parse(text)).data;
  if (claim !== undefined && claim.host === hostname() && claim.pid !== process.pid && isAlive(claim.pid)) {
    throw new RegmeanError('usage', `${dir}: process ${claim.pid} serves this round already`, {
      hint: `stop it first; if that process is no merger, remove ${path}`,
    });
  }
  await writeJsonAtomically(path, { host: hostname(), pid: process.pid });
  return () => rm(path, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
