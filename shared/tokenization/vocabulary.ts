/** @file The vocabulary of a tokenizer.json's model: ids by piece, or pieces with their scores. */
import { JsonText } from '../files/json-text.ts';
import type { Step } from './tokenizer-class.ts';

/** Whether the vocabulary is a list, as Unigram's is. */
export function isPieceList({ vocab }: Step): boolean {
  return vocab instanceof JsonText ? vocab.isList : Array.isArray(vocab);
}

/** Whether a text is a piece of its own. */
export function hasPiece({ vocab }: Step, content: string): boolean {
  const pieces = vocab instanceof JsonText ? vocab.parse() : vocab;
  if (Array.isArray(pieces)) return pieces.some((piece) => Array.isArray(piece) && piece[0] === content);
  return typeof pieces === 'object' && pieces !== null && Object.hasOwn(pieces, content);
}

/**
 * The id of the first piece of a list that is as wanted; null where there is none. Special pieces
 * stand at the beginning, so no more than that is parsed.
 */
export function findPiece(
  { vocab }: Step,
  isWanted: (piece: unknown, score: unknown) => boolean,
): number | null {
  let id = 0;
  for (const item of listItems(vocab)) {
    if (Array.isArray(item) && isWanted(item[0], item[1])) return id;
    id += 1;
  }
  return null;
}

/** The items of a list that may be text still; none of what is no list. */
export function listItems(value: unknown): Iterable<unknown> {
  if (value instanceof JsonText) return value.items();
  return Array.isArray(value) ? value : [];
}
