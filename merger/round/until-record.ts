/** @file Until when a round waits for its agents, as a file of it. */
import { writeJsonAtomically } from '../../shared/files/atomic-write.ts';
import { readJson } from '../../shared/files/read-json.ts';
import { z } from '../../shared/zod.ts';

const untilRecord = z.strictObject({ until: z.iso.datetime() });

/** @returns when waiting ends, in milliseconds since 1970 */
export async function readUntil(path: string): Promise<number> {
  return Date.parse((await readJson(path, untilRecord)).until);
}

/** Records when waiting ends, in milliseconds since 1970. */
export function writeUntil(path: string, until: number): Promise<void> {
  return writeJsonAtomically(path, { until: new Date(until).toISOString() });
}
