/** @file Tokens that are found in a text before the model splits it. */
import { AddedToken as NativeAddedToken } from 'tokenizers';
import { z } from '../zod.ts';

/** An added token, in the words of tokenizer.json. */
export const addedTokenSchema = z.looseObject({
  content: z.string(),
  /** Whether it is left out of decoded text, and kept whole where special tokens are. */
  special: z.boolean().optional(),
  /** Whether it is looked for in the normalized text; by default only where it is not special. */
  normalized: z.boolean().optional(),
  lstrip: z.boolean().optional(),
  rstrip: z.boolean().optional(),
  single_word: z.boolean().optional(),
});

/** An added token, as {@link addedTokenSchema} reads it. */
export type AddedToken = z.infer<typeof addedTokenSchema>;

/** A special token as the files give it: its text alone, or with what it strips. */
export type GivenToken = string | AddedToken;

/** A special token of tokenizer_config.json or special_tokens_map.json. */
export const givenTokenSchema = z.union([z.string(), addedTokenSchema]);

/** The text of a special token. */
export function contentOf(token: GivenToken): string {
  return typeof token === 'string' ? token : token.content;
}

/** Whether two tokens are the same in everything that the files say of them. */
function isSameToken(left: GivenToken, right: GivenToken): boolean {
  if (typeof left === 'string' || typeof right === 'string') return left === right;
  const fields = ['content', 'special', 'normalized', 'lstrip', 'rstrip', 'single_word'] as const;
  return fields.every((field) => left[field] === right[field]);
}

/** Special tokens that have a name (`cls_token`), and others. */
export interface SpecialTokenLists {
  readonly withName: readonly GivenToken[];
  readonly extra: readonly GivenToken[];
}

/**
 * Added tokens of the files, then the special tokens that none of them is.
 *
 * @param present texts of tokens that the tokenizer has already
 */
export function tokensToAdd(
  added: readonly AddedToken[],
  { withName, extra }: SpecialTokenLists,
  present: readonly string[],
): readonly AddedToken[] {
  const known = new Set([...present, ...added.map(contentOf)]);
  const wanted: GivenToken[] = [...added];
  for (const token of [...withName, ...extra]) {
    if (known.has(contentOf(token)) || wanted.some((other) => isSameToken(other, token))) continue;
    wanted.push(token);
  }
  const names = new Set(withName.map(contentOf));
  return wanted.map((token) => {
    if (typeof token === 'string') return plainSpecialToken(token);
    return names.has(token.content) ? { ...token, special: true } : token;
  });
}

/** A special token that strips nothing. */
export function plainSpecialToken(content: string): AddedToken {
  return { content, special: true };
}

/**
 * Added tokens for a tokenizer that takes the text of special tokens for text. One that is no piece
 * of the model keeps its id, under a text that does not occur.
 *
 * @param all every added token, which says which texts are special
 */
export function withoutSpecial(
  all: readonly AddedToken[],
  isPiece: (content: string) => boolean,
): <T extends AddedToken>(added: readonly T[]) => readonly T[] {
  const special = new Set(all.filter((token) => token.special === true).map(contentOf));
  return (added) =>
    added.flatMap((token) => {
      if (!special.has(token.content)) return [token];
      return isPiece(token.content) ? [] : [{ ...token, content: `\uFFFF${token.content}` }];
    });
}

/** The token for the library. */
export function toNativeToken(token: AddedToken): NativeAddedToken {
  const { content, special = false, normalized = !special } = token;
  return new NativeAddedToken(content, special, {
    normalized,
    leftStrip: token.lstrip ?? false,
    rightStrip: token.rstrip ?? false,
    singleWord: token.single_word ?? false,
  });
}
