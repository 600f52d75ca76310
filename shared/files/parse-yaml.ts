/** @file YAML files that people write, checked against a schema, with the line of every mistake. */
import { LineCounter, parseDocument } from 'yaml';
import { messageOf, RegmeanError } from '../errors.ts';
import type { z } from '../zod.ts';
import { readText } from './read-text.ts';

/**
 * Reads a YAML file.
 *
 * @param what what the file is, for the message: `a recipe file`
 * @throws RegmeanError `not-found`
 */
export async function readYamlText(path: string, what: string): Promise<string> {
  return readText(path).catch((error: RegmeanError) => {
    const { cause } = error;
    if (cause === undefined) throw error;
    const message = `${path}: must be ${what}, cannot be read: ${messageOf(cause)}`;
    throw new RegmeanError('not-found', message, { cause });
  });
}

/**
 * Checks YAML text against a schema.
 *
 * @param where name of the file, for the messages
 * @throws RegmeanError `usage`, one line per mistake: the line, the key's path and what was
 *   expected there
 */
export function parseYaml<T>(text: string, where: string, schema: z.ZodType<T>): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const syntaxError = document.errors[0];
  if (syntaxError !== undefined) {
    throw new RegmeanError(
      'usage',
      `${where}:${lineOf(lines, syntaxError.pos[0])}: ${firstLine(syntaxError.message)}`,
    );
  }
  const result = schema.safeParse(contentOfDocument(document, where));
  if (result.success) return result.data;
  const complaints = result.error.issues.flatMap(complaintsOf).map(({ path, message }) => {
    const node = nearestNode(document, path);
    const line = node === undefined ? '' : `:${lineOf(lines, node)}`;
    return `${where}${line}: ${path.length === 0 ? '' : `${formatPath(path)}: `}${message}`;
  });
  throw new RegmeanError('usage', complaints.join('\n'));
}

/** The value of a document, whose aliases may be wrong though its syntax is right. */
function contentOfDocument(document: ReturnType<typeof parseDocument>, where: string): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    throw new RegmeanError('usage', `${where}: ${firstLine(messageOf(cause))}`, { cause });
  }
}

interface Complaint {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function complaintsOf(issue: z.core.$ZodIssue): Complaint[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: 'there is no such key' }));
  }
  return [{ path: issue.path, message: issue.message.replace(/^Invalid \w+: /, '') }];
}

/** Where in the text the value at `path` stands, or its nearest parent that is there. */
function nearestNode(
  document: ReturnType<typeof parseDocument>,
  path: readonly PropertyKey[],
): number | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as
      | { range?: [number, number, number] }
      | undefined;
    if (node?.range !== undefined) return node.range[0];
  }
  return undefined;
}

function lineOf(lines: LineCounter, position: number): number {
  return lines.linePos(position).line;
}

function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`,
    '',
  );
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
