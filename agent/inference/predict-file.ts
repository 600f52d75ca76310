import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RegmeanError } from '../../shared/errors.ts';
import { writeFileAtomically } from '../../shared/files/atomic-write.ts';
import { isFolder } from '../../shared/files/present.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { PredictFileOptions } from './predict-options.ts';
import { predictRows } from './predict-rows.ts';

/**
 * Writes a line per row of the data: its logits and what they say, or the text that is generated.
 *
 * @returns the number of rows
 */
export async function predictFile(options: PredictFileOptions, context: RunContext): Promise<number> {
  await requireFileName(options.out);
  const described = await predictRows(options, context);
  await mkdir(dirname(options.out), { recursive: true });
  await writeFileAtomically(options.out, async (file) => {
    for (const row of described) await file.write(`${JSON.stringify(row)}\n`);
  });
  return described.length;
}

/** Checks before the work that its result has a place to go. */
async function requireFileName(path: string): Promise<void> {
  if (await isFolder(path)) {
    throw new RegmeanError('invalid-input', `--out ${path}: must be a file, is a folder`);
  }
}
