/**
 * @file Learns a cased WordPiece vocabulary: byte-pair merges over word counts (Sennrich et al.,
 *   2016), written as WordPiece (Schuster and Nakajima, 2012), whose pieces inside a word begin
 *   with `##`. Equal texts give equal files.
 */
import { bertNormalizer, bertPreTokenizer } from 'tokenizers';
import { RegmeanError } from '../../shared/errors.ts';

/** The special tokens, whose ids are 0 to 4. */
export const specialTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;

/** What marks a piece that continues a word. */
export const insidePrefix = '##';

/** A character seen less often is no piece of its own: words that hold it become `[UNK]`. */
const fewestCharacterUses = 20;

/** A pair of pieces seen less often is not merged, whatever room the vocabulary has. */
const fewestPairUses = 2;

/** What the normaliser does, the same words in tokenizer.json and tokenizer_config.json. */
export const normalizerOptions = {
  cleanText: true,
  handleChineseChars: true,
  stripAccents: true,
  lowercase: false,
};

/**
 * The pieces of a vocabulary of at most `size`: special tokens, characters in code point order,
 * then the merges.
 *
 * @param texts the texts to learn from; special tokens in them are skipped
 * @throws RegmeanError `usage` when the characters alone do not fit
 */
export function learnVocabulary(texts: Iterable<string>, size: number): string[] {
  const counts = countWordPieces(texts);
  const pieces: string[] = [...specialTokens, ...characterPieces(counts)];
  if (pieces.length > size) {
    throw new RegmeanError('usage', `learnVocabulary: size must be at least ${pieces.length}, got ${size}`);
  }
  const known = new Set(pieces);
  const words: TrainingWord[] = [];
  for (const [word, count] of counts) {
    const symbols = splitCharacters(word);
    if (symbols.every((symbol) => known.has(symbol))) words.push({ symbols, count });
  }
  const pairs = indexPairs(words);
  while (pieces.length < size) {
    const best = mostFrequentPair(pairs);
    if (best === undefined) break;
    const merged = best.left + best.right.slice(insidePrefix.length);
    if (!known.has(merged)) {
      known.add(merged);
      pieces.push(merged);
    }
    mergePair(pairs, words, best, merged);
  }
  return pieces;
}

interface TrainingWord {
  symbols: string[];
  readonly count: number;
}

/**
 * A pair of neighbouring pieces, how often it occurs, and the words (by index) that may hold it.
 */
interface Pair {
  readonly left: string;
  readonly right: string;
  count: number;
  readonly words: Set<number>;
}

function countWordPieces(texts: Iterable<string>): Map<string, number> {
  const normalizer = bertNormalizer(normalizerOptions);
  const preTokenizer = bertPreTokenizer();
  const counts = new Map<string, number>();
  for (const text of texts) {
    const plain = normalizer.normalizeString(text.replace(/\[(PAD|UNK|CLS|SEP|MASK)\]/g, ' '));
    for (const [word] of preTokenizer.preTokenizeString(plain)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

function splitCharacters(word: string): string[] {
  return Array.from(word, (character, index) => (index === 0 ? character : insidePrefix + character));
}

/**
 * Every common character in both forms, so that a character known at one place of a word is known
 * at every place.
 */
function characterPieces(counts: ReadonlyMap<string, number>): string[] {
  const uses = new Map<string, number>();
  for (const [word, count] of counts) {
    for (const character of word) uses.set(character, (uses.get(character) ?? 0) + count);
  }
  const characters = [...uses.keys()]
    .filter((character) => (uses.get(character) ?? 0) >= fewestCharacterUses)
    .sort();
  const insideWords = characters.filter((character) => /[\p{L}\p{N}]/u.test(character));
  return [...characters, ...insideWords.map((character) => insidePrefix + character)];
}

function indexPairs(words: readonly TrainingWord[]): Map<string, Pair> {
  const pairs = new Map<string, Pair>();
  words.forEach((word, index) => {
    addPairs(pairs, word, index, 1);
  });
  return pairs;
}

/** Adds (`sign` 1) or takes away (-1) the pairs of a word. */
function addPairs(pairs: Map<string, Pair>, word: TrainingWord, index: number, sign: 1 | -1): void {
  for (let position = 1; position < word.symbols.length; position++) {
    const left = word.symbols[position - 1] as string;
    const right = word.symbols[position] as string;
    const key = `${left} ${right}`;
    let pair = pairs.get(key);
    if (pair === undefined) {
      pair = { left, right, count: 0, words: new Set() };
      pairs.set(key, pair);
    }
    pair.count += sign * word.count;
    if (sign === 1) pair.words.add(index);
    else if (pair.count === 0) pairs.delete(key);
  }
}

/**
 * The pair with the highest count; of equals the first in code unit order, so that the result is
 * the same everywhere.
 */
function mostFrequentPair(pairs: ReadonlyMap<string, Pair>): Pair | undefined {
  let best: Pair | undefined;
  for (const pair of pairs.values()) {
    if (pair.count < (best?.count ?? fewestPairUses)) continue;
    if (best !== undefined && pair.count === best.count && !precedes(pair, best)) continue;
    best = pair;
  }
  return best;
}

function precedes(first: Pair, second: Pair): boolean {
  return first.left < second.left || (first.left === second.left && first.right < second.right);
}

function mergePair(
  pairs: Map<string, Pair>,
  words: readonly TrainingWord[],
  pair: Pair,
  merged: string,
): void {
  for (const index of [...pair.words]) {
    const word = words[index] as TrainingWord;
    addPairs(pairs, word, index, -1);
    const symbols: string[] = [];
    for (const symbol of word.symbols) {
      if (symbol === pair.right && symbols.at(-1) === pair.left) symbols[symbols.length - 1] = merged;
      else symbols.push(symbol);
    }
    word.symbols = symbols;
    addPairs(pairs, word, index, 1);
  }
}
