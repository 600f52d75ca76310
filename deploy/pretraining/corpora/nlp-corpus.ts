import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from '../../../shared/zod.ts';
import { packageDirectory } from './package-directory.ts';

const fewestWords = 5;
const mostWords = 120;

/**
 * Addresses and long numbers (they may name a person), and words that a shared model should not
 * learn to say.
 */
const unwanted =
  /@|https?:|www\.|\d{7,}|\d{3}[-.]\d{3,4}|fuck|shit|bitch|nigg|cunt|fagg?ot|pussy|whore|slut/i;

/**
 * The sentences of the package `nlp-corpus`: reviews, talk, lyrics, news, law, instructions and
 * more, one hundred thousand in random order. Fragments, very long ones, addresses and abuse are
 * left out, and so is text that is mostly not letters.
 *
 * @throws RegmeanError `not-found` when the package is not installed
 */
export function readNlpCorpusSentences(): string[] {
  const directory = join(packageDirectory('nlp-corpus', ''), '..', '..', 'builds');
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .flatMap((name) => z.array(z.string()).parse(JSON.parse(readFileSync(join(directory, name), 'utf8'))))
    .map((sentence) => sentence.replace(/\s+/g, ' ').trim())
    .filter(isUsable);
}

function isUsable(sentence: string): boolean {
  const words = sentence.split(' ').length;
  if (words < fewestWords || words > mostWords || unwanted.test(sentence)) return false;
  const letters = sentence.match(/[A-Za-z ]/g)?.length ?? 0;
  return letters >= 0.8 * sentence.length;
}
