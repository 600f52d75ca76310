/**
 * @file JSON objects whose members keep the text that they were written with. JavaScript has one
 *   kind of number, so a parsed 1.0 is written as 1 and large integers lose digits; readers that
 *   check types, as those of config.json do, then refuse the file.
 */

/** The members of a JSON object in their order, each value as its text. */
export type JsonMembers = ReadonlyMap<string, string>;

/** How deep lists and objects may lie in one another: who walks one deeper runs out of stack. */
const mostDepth = 500;

class TooDeep extends SyntaxError {
  override readonly message = `must be JSON of at most ${mostDepth} levels`;
}

/**
 * Parses JSON.
 *
 * @throws SyntaxError for text that is no JSON, or is nested deeper than any is on purpose
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (countUpTo(mostDepth + 1, '[', text) + countUpTo(mostDepth + 1, '{', text) > mostDepth) {
    afterValue(text, afterSpace(text, 0));
  }
  return value;
}

/** What is said of a text that could not be parsed. */
export function jsonProblem(cause: unknown): string {
  return cause instanceof TooDeep ? cause.message : 'must be JSON';
}

function countUpTo(most: number, character: string, text: string): number {
  let count = 0;
  for (let at = text.indexOf(character); at >= 0 && count < most; at = text.indexOf(character, at + 1))
    count++;
  return count;
}

/**
 * The members of a JSON object.
 *
 * @returns null for JSON that is no object
 * @throws SyntaxError for text that is no JSON
 */
export function jsonMembers(text: string): JsonMembers | null {
  parseJson(text);
  const at = afterSpace(text, 0);
  if (text[at] !== '{') return null;
  const members = new Map<string, string>();
  eachMember(text, at, (key, start) => {
    const end = afterValue(text, start);
    members.set(key, text.slice(start, end));
    return end;
  });
  return members;
}

/** A value of a JSON file that stays the text it was read as until somebody needs the value. */
export class JsonText {
  readonly text: string;
  readonly isList: boolean;
  #parsed: { readonly value: unknown } | null = null;

  constructor(text: string) {
    this.text = text;
    this.isList = text.startsWith('[');
  }

  /** @throws SyntaxError for text that is no JSON */
  parse(): unknown {
    this.#parsed ??= { value: parseJson(this.text) };
    return this.#parsed.value;
  }

  /**
   * The items of a list, parsed one after the other.
   *
   * @throws SyntaxError for text that is no JSON, when it comes to it
   */
  *items(): Generator<unknown> {
    const { text } = this;
    let start = afterSpace(text, 1);
    if (!this.isList || text[start] === ']') return;
    for (;;) {
      const end = afterValue(text, start);
      yield JSON.parse(text.slice(start, end));
      const next = afterSpace(text, end);
      if (text[next] === ']') return;
      if (text[next] !== ',') throw unexpected(text, next);
      start = afterSpace(text, next + 1);
    }
  }
}

/** Members of an object, or of objects inside of it, that stay text where they are not simple. */
export interface KeptMembers {
  readonly [key: string]: 'text' | KeptMembers;
}

/**
 * Parses JSON but for some members, which stay text: parsing and writing the long ones would take
 * longer than all else. What is no JSON inside of one shows only when it is parsed.
 *
 * @returns the value, with a {@link JsonText} in the place of each such member
 * @throws SyntaxError for text that is no JSON elsewhere
 */
export function parseJsonKeeping(text: string, kept: KeptMembers): unknown {
  const { value, end } = valueAt(text, afterSpace(text, 0), kept);
  const rest = afterSpace(text, end);
  if (rest < text.length) throw unexpected(text, rest);
  return value;
}

function valueAt(
  text: string,
  at: number,
  kept: KeptMembers[string] | undefined,
): { readonly value: unknown; readonly end: number } {
  if (typeof kept === 'object' && text[at] === '{') {
    const members: [string, unknown][] = [];
    const end = eachMember(text, at, (key, start) => {
      const member = valueAt(text, start, Object.hasOwn(kept, key) ? kept[key] : undefined);
      members.push([key, member.value]);
      return member.end;
    });
    return { value: Object.fromEntries(members), end };
  }
  const end = afterValue(text, at);
  const own = text.slice(at, end);
  const staysText = kept === 'text' && (text[at] === '{' || text[at] === '[');
  return { value: staysText ? new JsonText(own) : JSON.parse(own), end };
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
const literal = /[^\t\n\r ,:[\]{}"]+/y;

function afterSpace(text: string, at: number): number {
  return after(space, text, at);
}

function after(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return at + (pattern.exec(text)?.[0].length ?? 0);
}

/**
 * Goes through the members of an object that begins at `at`.
 *
 * @param read takes a member's value, which begins at `start`, and tells where it ends
 * @returns where the object ends
 */
function eachMember(text: string, at: number, read: (key: string, start: number) => number): number {
  let keyStart = afterSpace(text, at + 1);
  if (text[keyStart] === '}') return keyStart + 1;
  for (;;) {
    if (text[keyStart] !== '"') throw unexpected(text, keyStart);
    const keyEnd = afterString(text, keyStart);
    const colon = afterSpace(text, keyEnd);
    if (text[colon] !== ':') throw unexpected(text, colon);
    const key = String(JSON.parse(text.slice(keyStart, keyEnd)));
    const next = afterSpace(text, read(key, afterSpace(text, colon + 1)));
    if (text[next] === '}') return next + 1;
    if (text[next] !== ',') throw unexpected(text, next);
    keyStart = afterSpace(text, next + 1);
  }
}

/** Where a value ends that begins at `at`. Inside of it only strings and brackets are seen. */
function afterValue(text: string, at: number): number {
  const first = text[at];
  if (first === '"') return afterString(text, at);
  if (first !== '{' && first !== '[') {
    const end = after(literal, text, at);
    if (end === at) throw unexpected(text, at);
    return end;
  }
  let depth = 1;
  let end = at + 1;
  while (depth > 0) {
    switch (text[end]) {
      case undefined:
        throw unexpected(text, end);
      case '"':
        end = afterString(text, end);
        continue;
      case '{':
      case '[':
        depth += 1;
        if (depth > mostDepth) throw new TooDeep();
        break;
      case '}':
      case ']':
        depth -= 1;
        break;
    }
    end += 1;
  }
  return end;
}

/** Where a string ends that begins at `at`. */
function afterString(text: string, at: number): number {
  let end = at;
  do {
    end = text.indexOf('"', end + 1);
    if (end < 0) throw unexpected(text, text.length);
  } while (isEscaped(text, end));
  return end + 1;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === '\\') first--;
  return (at - first) % 2 === 1;
}

function unexpected(text: string, at: number): SyntaxError {
  return new SyntaxError(`must be JSON, got ${JSON.stringify(text[at] ?? 'the end')} at character ${at}`);
}
