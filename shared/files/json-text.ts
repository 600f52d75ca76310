/**
 * @file JSON objects whose members keep the text that they were written with. JavaScript has one
 *   kind of number, so a parsed 1.0 is written as 1 and large integers lose digits; readers that
 *   check types, as those of config.json do, then refuse the file.
 */

/** The members of a JSON object in their order, each value as its text. */
export type JsonMembers = ReadonlyMap<string, string>;

/**
 * The members of a JSON object.
 *
 * @returns null for JSON that is no object
 * @throws SyntaxError for text that is no JSON
 */
export function jsonMembers(text: string): JsonMembers | null {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const members = new Map<string, string>();
  let at = text.indexOf('{') + 1;
  for (;;) {
    at = afterSpace(text, at);
    if (text[at] === '}') return members;
    if (text[at] === ',') at = afterSpace(text, at + 1);
    const keyEnd = afterString(text, at);
    const key = String(JSON.parse(text.slice(at, keyEnd)));
    const valueStart = afterSpace(text, afterSpace(text, keyEnd) + 1);
    at = afterValue(text, valueStart);
    members.set(key, text.slice(valueStart, at));
  }
}

/** The text of an object with these members, one a line, with a closing newline. */
export function jsonObjectText(members: JsonMembers): string {
  if (members.size === 0) return '{}\n';
  const lines = [...members].map(([key, value]) => `  ${JSON.stringify(key)}: ${value}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}

/**
 * A JSON object with some members changed. Those that are not named keep their text, those that are
 * new come last.
 *
 * @param changes values to set, or `undefined` for members to leave out
 * @throws SyntaxError for text that is no JSON object
 */
export function changeJson(text: string, changes: Readonly<Record<string, unknown>>): string {
  const given = jsonMembers(text);
  if (given === null) throw new SyntaxError('must be a JSON object');
  const members = new Map(given);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) members.delete(key);
    else members.set(key, indented(JSON.stringify(value, undefined, 2)));
  }
  return jsonObjectText(members);
}

/** Lines after the first, one level deeper. */
function indented(value: string): string {
  return value.replaceAll('\n', '\n  ');
}

const space = /[\t\n\r ]*/y;
const string = /"(?:[^"\\]|\\.)*"/y;
const literal = /[^\t\n\r ,\]}]+/y;

function afterSpace(text: string, at: number): number {
  return after(space, text, at);
}

function afterString(text: string, at: number): number {
  return after(string, text, at);
}

/** Where a value of valid JSON ends that begins at `at`. */
function afterValue(text: string, at: number): number {
  let depth = 0;
  let end = at;
  do {
    end = afterSpace(text, end);
    const character = text[end];
    if (character === '"') end = afterString(text, end);
    else if (character === '{' || character === '[') [depth, end] = [depth + 1, end + 1];
    else if (character === '}' || character === ']') [depth, end] = [depth - 1, end + 1];
    else if (character === ',' || character === ':') end += 1;
    else end = after(literal, text, end);
  } while (depth > 0);
  return end;
}

function after(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return at + (pattern.exec(text)?.[0].length ?? 0);
}
