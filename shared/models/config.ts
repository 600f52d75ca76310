/** @file How families read config.json. */

import { RegmeanError } from '../errors.ts';
import { z } from '../zod.ts';

const mostLayers = 1000;

/**
 * How many layers a model has; the limit is far above every model's, so that a slip does not fill
 * the memory.
 */
export const layerCount = z
  .int()
  .positive()
  .max(mostLayers, { error: ({ input }) => `must be at most ${mostLayers}, got ${input}` });

/**
 * How far positions or features of a head may go that a table is computed for; far above every
 * model's too.
 */
export const mostTableRows = 1 << 20;

/** A size of config.json that a table is computed for. */
export const tableSize = z
  .int()
  .positive()
  .max(mostTableRows, { error: ({ input }) => `must be at most ${mostTableRows}, got ${input}` });

const prefix = 'config.json: ';

/** What `work` makes of a folder's config.json; its refusals name the folder. */
export function withFolderNamed<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RegmeanError) || !error.message.startsWith(prefix)) throw error;
    const { code, message, hint } = error;
    const options = hint === undefined ? { cause: error } : { hint, cause: error };
    throw new RegmeanError(code, `${folder}: ${message}`, options);
  }
}

/**
 * Parses config.json with a schema; unknown fields are other tools' business. A field that is null
 * is one that is not there.
 *
 * @param nullable fields in which null has a meaning of its own
 * @param where the file, in errors
 * @throws naming the first bad field
 */
export function parseConfigJson<T>(
  schema: z.ZodType<T>,
  json: unknown,
  nullable: readonly string[] = [],
  where = 'config.json',
): T {
  const given = withoutNulls(json, nullable);
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.path ?? [];
  const owner = valueAt(given, path.slice(0, -1));
  const isMissing = typeof owner === 'object' && path.length > 0 && valueAt(given, path) === undefined;
  const problem = isMissing ? ' must be given' : `: ${issue?.message}`;
  throw new RegmeanError('invalid-input', `${where}: ${path.join('.')}${problem}`);
}

/**
 * config.json with a family's own values for fields that it leaves out or says null in.
 *
 * @param nullable fields in which null has a meaning of its own
 */
export function withDefaults(defaults: object, json: unknown, nullable: readonly string[] = []): object {
  return { ...defaults, ...(withoutNulls(json, nullable) as object) };
}

/** Refuses a field of config.json that does not go with the others. */
export function requireField(holds: boolean, field: string, requirement: string, got: unknown): void {
  if (!holds) throw new RegmeanError('invalid-input', `config.json: ${field}: ${requirement}, got ${got}`);
}

/** Refuses a hidden size that cannot be divided among attention heads. */
export function requireHeads(field: string, hiddenSize: number, heads: number): void {
  requireField(hiddenSize % heads === 0, field, `must be a multiple of ${heads} heads`, hiddenSize);
}

/**
 * Refuses the size of a head, where it is given, that is not what the other fields have it to be.
 */
export function requireHeadSize(field: string, { given, own }: HeadSize): void {
  const requirement = `must be ${own}, as hidden_size and num_attention_heads have it`;
  requireField(given === undefined || given === own, field, requirement, given);
}

interface HeadSize {
  readonly given: number | undefined;
  /** The hidden size divided by the number of heads. */
  readonly own: number;
}

function withoutNulls(json: unknown, nullable: readonly string[]): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  return Object.fromEntries(
    Object.entries(json).flatMap(([key, value]) =>
      value === null && !nullable.includes(key) ? [] : [[key, withoutNulls(value, [])]],
    ),
  );
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    json,
  );
}
