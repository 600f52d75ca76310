import { readFile } from 'node:fs/promises';
import { RegmeanError } from '../errors.ts';
import type { z } from '../zod.ts';
import { withoutByteOrderMark } from './byte-order-mark.ts';
import { refuseLfsPointer } from './lfs-pointer.ts';

/**
 * Reads a JSON file and checks it against a schema.
 *
 * @throws RegmeanError `not-found` without the file; `invalid-input` naming the first field that is
 *   wrong
 */
export async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new RegmeanError('not-found', `${path}: no such file`, { cause: error });
  }
  refuseLfsPointer(path, text);
  let json: unknown;
  try {
    json = JSON.parse(withoutByteOrderMark(text));
  } catch (cause) {
    throw new RegmeanError('invalid-input', `${path}: must be JSON`, { cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.join('.') ?? '';
  throw new RegmeanError('invalid-input', `${path}: ${field === '' ? '' : `${field}: `}${issue?.message}`);
}
