import { RegmeanError } from '../errors.ts';
import type { z } from '../zod.ts';
import { jsonProblem, parseJson } from './json-text.ts';
import { readText } from './read-text.ts';

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
  parse: (text: string) => unknown = parseJson,
): Promise<T> {
  const text = await readText(path);
  let json: unknown;
  try {
    json = parse(text);
  } catch (cause) {
    throw new RegmeanError('invalid-input', `${path}: ${jsonProblem(cause)}`, { cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.join('.') ?? '';
  throw new RegmeanError('invalid-input', `${path}: ${field === '' ? '' : `${field}: `}${issue?.message}`);
}
