/** How many names a message shows. */
const shownNames = 5;

/** Names for a message, the first few and how many more there are: `a, b, c, d, e and 7 more`. */
export function listed(names: readonly string[]): string {
  const more = names.length > shownNames ? ` and ${names.length - shownNames} more` : '';
  return `${names.slice(0, shownNames).join(', ')}${more}`;
}
