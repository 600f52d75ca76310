/** @file Scores that are known, one small file each. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeJsonAtomically } from '../../shared/files/atomic-write.ts';
import { readJson } from '../../shared/files/read-json.ts';
import { z } from '../../shared/zod.ts';

const scoreSchema = z.object({ score: z.number() });

/** A known score, or null. */
export async function readScore(cache: string, key: string): Promise<number | null> {
  const path = pathOf(cache, key);
  return existsSync(path) ? (await readJson(path, scoreSchema)).score : null;
}

/** Remembers a score. */
export async function writeScore(cache: string, key: string, score: number): Promise<void> {
  await mkdir(join(cache, 'scores'), { recursive: true });
  await writeJsonAtomically(pathOf(cache, key), { score });
}

function pathOf(cache: string, key: string): string {
  return join(cache, 'scores', `${key}.json`);
}
