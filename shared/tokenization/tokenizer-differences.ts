/** @file In which parts two folders' tokenizers make other tokens of the same texts. */
import { isDeepStrictEqual } from 'node:util';
import { tokenizerDigests, tokenizerParts } from './tokenizer-parts.ts';

/** A part in which two tokenizers differ, and what each has, in words. */
export interface TokenizerDifference {
  /**
   * `tokenizer.vocabulary`, or the file where the tokenizer cannot be read:
   * `tokenizer.spiece.model`.
   */
  readonly field: string;
  readonly first: string;
  readonly other: string;
}

/**
 * The parts in which two tokenizers differ: none where one of the folders has no tokenizer, which
 * then says nothing, and where only the files' form differs.
 */
export async function tokenizerDifferences(
  first: string,
  other: string,
): Promise<readonly TokenizerDifference[]> {
  const [digests, otherDigests] = [await tokenizerDigests(first), await tokenizerDigests(other)];
  if (digests.size === 0 || otherDigests.size === 0 || isDeepStrictEqual(digests, otherDigests)) return [];
  const [parts, otherParts] = [await tokenizerParts(first), await tokenizerParts(other)];
  if (parts === null || otherParts === null) return differentFiles(digests, otherDigests);
  return [...parts].flatMap(([name, part]) => {
    const otherPart = otherParts.get(name);
    if (isDeepStrictEqual(part ?? null, otherPart ?? null)) return [];
    const [a, b] = inWords(part, otherPart);
    return [{ field: `tokenizer.${name}`, first: a, other: b }];
  });
}

function differentFiles(
  first: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): readonly TokenizerDifference[] {
  return [...first].flatMap(([name, digest]) => {
    const otherDigest = other.get(name);
    if (otherDigest === undefined || otherDigest === digest) return [];
    return [{ field: `tokenizer.${name}`, first: `SHA-256 ${digest}`, other: `SHA-256 ${otherDigest}` }];
  });
}

const longestText = 80;

/** What two unlike values have where they differ first. */
function inWords(a: unknown, b: unknown): readonly [string, string] {
  if (isIds(a) && isIds(b)) return inWordsOfLists(tokensOf(a), tokensOf(b));
  if (Array.isArray(a) && Array.isArray(b)) return inWordsOfLists(a, b);
  if (!isRecord(a) || !isRecord(b)) return [textOf(a), textOf(b)];
  const key = [...new Set([...Object.keys(a), ...Object.keys(b)])].find(
    (own) => !isDeepStrictEqual(a[own], b[own]),
  );
  const [left, right] = inWords(a[key ?? ''], b[key ?? '']);
  return [`${key} ${left}`, `${key} ${right}`];
}

/** How long two lists are, or what they have where they differ first. */
function inWordsOfLists(a: readonly unknown[], b: readonly unknown[]): readonly [string, string] {
  if (a.length !== b.length) return [`${a.length} entries`, `${b.length} entries`];
  const at = a.findIndex((value, index) => !isDeepStrictEqual(value, b[index]));
  return [`${textOf(a[at])} at ${at}`, `${textOf(b[at])} at ${at}`];
}

/** Whether a value is the ids of tokens. */
function isIds(value: unknown): value is Readonly<Record<string, number>> {
  return isRecord(value) && Object.values(value).every((id) => typeof id === 'number');
}

/** Tokens in the order of their ids. */
function tokensOf(ids: Readonly<Record<string, number>>): readonly string[] {
  return Object.entries(ids)
    .sort(([, a], [, b]) => a - b)
    .map(([token]) => token);
}

function textOf(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
