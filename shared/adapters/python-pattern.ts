/** @file Regular expressions of Python's `re`, in which PEFT's configurations name modules. */

/**
 * A pattern of Python as one of JavaScript; null for one that JavaScript cannot say (inline flags,
 * conditions). With JavaScript's `u` flag an escape of unknown meaning is an error and not a
 * letter.
 */
export function pythonPattern(source: string): RegExp | null {
  const translated = source
    .replace(/\\([^a-zA-Z0-9])/g, (_, character: string) => escaped(character))
    .replace(/\\Z/g, '$')
    .replace(/\\A/g, '^')
    .replace(/\(\?P</g, '(?<')
    .replace(/\(\?P=([^)]+)\)/g, '\\k<$1>');
  try {
    return new RegExp(translated, 'u');
  } catch {
    return null;
  }
}

/**
 * Whether a module's name, or its end behind a dot, matches as a whole; PEFT's rule for patterns.
 */
export function endsWithPattern(module: string, source: string): boolean | null {
  return pythonPattern(`^(.*\\.)?(${source})$`)?.test(module) ?? null;
}

/** Python escapes any punctuation, JavaScript only what has a meaning. */
function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
