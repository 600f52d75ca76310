/** @file Recipes as YAML files. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument, stringify } from 'yaml';
import type { z } from 'zod';
import { messageOf, RegmeanError } from '../errors.ts';
import { type Recipe, recipeSchema } from './recipe.ts';

/**
 * Reads and checks a recipe file; a relative `base` is relative to the file.
 *
 * @throws RegmeanError that names the line, the key's path and what was expected there
 */
export async function readRecipe(path: string): Promise<Recipe> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new RegmeanError(
      'not-found',
      `${path}: expected a recipe file, it cannot be read: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  });
  const recipe = parseRecipe(text, path);
  return { ...recipe, base: resolve(dirname(path), recipe.base) };
}

/**
 * Checks the text of a recipe.
 *
 * @param where name of the file, for the messages
 * @throws RegmeanError with one line per mistake
 */
export function parseRecipe(text: string, where: string): Recipe {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const syntaxError = document.errors[0];
  if (syntaxError !== undefined) {
    throw new RegmeanError(
      'usage',
      `${where}:${lineOf(lines, syntaxError.pos[0])}: ${firstLine(syntaxError.message)}`,
    );
  }
  const result = recipeSchema.safeParse(document.toJS());
  if (result.success) return result.data;
  const complaints = result.error.issues.flatMap(complaintsOf).map(({ path, message }) => {
    const node = nearestNode(document, path);
    const line = node === undefined ? '' : `:${lineOf(lines, node)}`;
    return `${where}${line}: ${path.length === 0 ? '' : `${formatPath(path)}: `}${message}`;
  });
  throw new RegmeanError('usage', complaints.join('\n'));
}

/** A recipe as YAML text that `parseRecipe` reads back. */
export function formatRecipe(recipe: Recipe): string {
  return stringify(recipe);
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
