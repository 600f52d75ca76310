import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Writes rows as JSON Lines into a folder, which is made when it does not exist.
 *
 * @returns path of the file, `<folder>/<part>.jsonl`
 */
export async function writeRows(folder: string, part: string, rows: readonly object[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${part}.jsonl`);
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}
