/**
 * @file What makes equal weights of two models mean something else: fields of config.json and the
 *   tokenizer. Networks that lie in files of their own are compared by `differenceFrom`.
 */
import { changesFunction } from '../models/config-differences.ts';
import { tokenizerDifferences } from '../tokenization/tokenizer-differences.ts';
import type { OpenModel } from './model-format.ts';

/** In what two models differ, and what each has, in words. */
export interface FunctionDifference {
  /** A field of config.json, or a part of the tokenizer: `tokenizer.vocabulary`. */
  readonly field: string;
  readonly first: string;
  readonly other: string;
}

/**
 * In what two models are other functions of equal weights.
 *
 * @param heads `separate` where every model keeps the head that it has
 */
export async function functionDifferences(
  first: OpenModel,
  other: OpenModel,
  heads: 'united' | 'separate' = 'united',
): Promise<readonly FunctionDifference[]> {
  const fields = first.fieldDifferences(other, (field) => changesFunction(field, heads));
  return [
    ...fields.map((own) => ({
      field: own.field,
      first: inWords(own.first),
      other: inWords(own.other),
    })),
    ...(await tokenizerDifferences(first.folder, other.folder)),
  ];
}

const longestText = 100;

function inWords(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}
