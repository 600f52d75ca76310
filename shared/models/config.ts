import type { z } from 'zod';
import { RegmeanError } from '../errors.ts';

/** Parses config.json with a schema; unknown fields are other tools' business. Throws naming the first bad field. */
export function parseConfigJson<T>(schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new RegmeanError('invalid-input', `config.json: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** Refuses a field of config.json that does not go with the others. */
export function requireField(holds: boolean, field: string, requirement: string, got: number): void {
  if (!holds) throw new RegmeanError('invalid-input', `config.json: ${field}: ${requirement}, got ${got}`);
}
