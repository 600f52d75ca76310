/**
 * @file Zod with this project's words for what a value must be: `must be a whole number, got
 *   "three"`. Schemas are made with the `z` of this file.
 */
import { z } from 'zod';

const kinds: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  map: 'an object',
  null: 'null',
};

/** What zod calls an issue before it has a message. */
type RawIssue = z.core.$ZodRawIssue;

/** The message of an issue; nothing for those whose schema says more than this file could. */
function messageOf(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'must be given';
      return `must be ${kinds[issue.expected] ?? issue.expected}, got ${shown(issue.input)}`;
    case 'invalid_value': {
      const values = issue.values.map(String);
      const allowed = values.length === 1 ? values[0] : `one of ${values.join(', ')}`;
      return issue.input === undefined ? 'must be given' : `must be ${allowed}, got ${shown(issue.input)}`;
    }
    case 'too_small':
      return bound(issue, issue.inclusive === false ? 'above' : 'at least', issue.minimum);
    case 'too_big':
      return bound(issue, issue.inclusive === false ? 'below' : 'at most', issue.maximum);
    case 'unrecognized_keys':
      return `must not have ${issue.keys.length === 1 ? 'the key' : 'the keys'} ${issue.keys.join(', ')}`;
    default:
      return undefined;
  }
}

function bound(issue: RawIssue & { origin: string }, relation: string, limit: number | bigint): string {
  if (issue.origin === 'string' && limit === 1 && relation === 'at least') return 'must not be empty';
  if (issue.origin === 'string')
    return `must have ${relation} ${limit} characters, got ${shown(issue.input)}`;
  if (Array.isArray(issue.input)) return `must hold ${relation} ${limit}, got ${issue.input.length}`;
  return `must be ${relation} ${limit}, got ${shown(issue.input)}`;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}..` : text;
}

z.config({ customError: messageOf });

export { z };
