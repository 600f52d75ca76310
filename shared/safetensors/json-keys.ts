/**
 * The first key that the top-level object of a JSON text has twice, or nothing. `JSON.parse`
 * silently keeps the last of two equal keys, so a file could show one tensor to one reader and
 * another to the next.
 *
 * @param json text that `JSON.parse` has accepted as an object
 */
export function duplicateKey(json: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let expectsKey = false;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') {
      const start = i;
      for (i++; json[i] !== '"'; i++) if (json[i] === '\\') i++;
      if (depth !== 1 || !expectsKey) continue;
      const key = JSON.parse(json.slice(start, i + 1)) as string;
      if (seen.has(key)) return key;
      seen.add(key);
      expectsKey = false;
    } else if (character === '{' || character === '[') {
      depth++;
      expectsKey = depth === 1;
    } else if (character === '}' || character === ']') depth--;
    else if (character === ',' && depth === 1) expectsKey = true;
  }
  return undefined;
}
