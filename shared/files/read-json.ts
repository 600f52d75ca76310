import { readFile } from 'node:fs/promises';
import { RegmeanError } from '../errors.ts';
import type { z } from '../zod.ts';
import { withoutByteOrderMark } from './byte-order-mark.ts';
import { refuseLfsPointer } from './lfs-pointer.ts';

/**
 * Reads a JSON file and checks it against a schema.
 *
 * @param parse turns the text into the value that is checked
 * @throws RegmeanError `not-found` without the file; `invalid-input` naming the first field that is
 *   wrong
 */
export async function readJson<T>(
  path: string,
  schema: z.ZodType<T>,
  parse: (text: string) => unknown = JSON.parse,
): Promise<T> {
  let text: string;
  try {
    // In one piece: of a long text in pieces the parser would have to make one first.
    text = (await readFile(path)).toString('utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new RegmeanError('not-found', `${path}: no such file`, { cause: error });
  }
  refuseLfsPointer(path, text);
  let json: unknown;
  try {
    json = parse(withoutByteOrderMark(text));
  } catch (cause) {
    throw new RegmeanError('invalid-input', `${path}: must be JSON`, { cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.join('.') ?? '';
  throw new RegmeanError('invalid-input', `${path}: ${field === '' ? '' : `${field}: `}${issue?.message}`);
}
