/**
 * @file The special and added tokens that the files of a tokenizer give. Follows `transformers` 5:
 *   where tokenizer_config.json has `added_tokens_decoder`, the older files do not count.
 */
import { z } from '../zod.ts';
import {
  type AddedToken,
  addedTokenSchema,
  contentOf,
  type GivenToken,
  givenTokenSchema,
} from './added-tokens.ts';

/** The special tokens that every tokenizer names alike, in the order they are added. */
export const namedTokens = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const;

/** The name of a special token. */
export type NamedToken = (typeof namedTokens)[number];

const named = givenTokenSchema.nullish();
const lists = z.array(givenTokenSchema);
const namedFields = {
  bos_token: named,
  eos_token: named,
  unk_token: named,
  sep_token: named,
  pad_token: named,
  cls_token: named,
  mask_token: named,
  additional_special_tokens: lists.nullish(),
  extra_special_tokens: z.union([lists, z.record(z.string(), givenTokenSchema)]).nullish(),
};

/** What special_tokens_map.json may say. */
export const specialTokensMapSchema = z.looseObject(namedFields);

/** What tokenizer_config.json may say of tokens. */
export const tokensOfConfig = {
  ...namedFields,
  added_tokens_decoder: z.record(z.string(), addedTokenSchema).nullish(),
};

const configSchema = z.looseObject(tokensOfConfig);

/** What added_tokens.json says: the id of each token. */
export const addedTokensFileSchema = z.record(z.string(), z.number().int());

/** The tokens that the files of a folder give. */
export interface TokenSettings {
  /** The named special tokens; null where a file says that there is none. */
  readonly named: Readonly<Partial<Record<NamedToken, GivenToken | null>>>;
  /** Special tokens under names of the model's own (`image_token`). */
  readonly ownNames: ReadonlyMap<string, GivenToken>;
  /** Special tokens without a name; null where no file gives any. */
  readonly extra: readonly GivenToken[] | null;
  /** Those of special_tokens_map.json where tokenizer_config.json gives others. */
  readonly additional: readonly GivenToken[] | null;
  /** Added tokens, ascending by id. */
  readonly added: readonly AddedToken[];
}

/** The parsed files that tokens come from; null for those that are not there. */
export interface TokenFiles {
  readonly config: z.infer<typeof configSchema>;
  readonly specialTokensMap: z.infer<typeof specialTokensMapSchema> | null;
  readonly addedTokens: z.infer<typeof addedTokensFileSchema> | null;
  /** `added_tokens` of tokenizer.json. */
  readonly ownAddedTokens: readonly (AddedToken & { readonly id: number })[];
}

/** Brings the tokens of all files together. */
export function tokenSettingsOf({
  config,
  specialTokensMap,
  addedTokens,
  ownAddedTokens,
}: TokenFiles): TokenSettings {
  const decoder = config.added_tokens_decoder ?? null;
  const values: Record<string, unknown> = { ...config };
  if (!isFilled(values.extra_special_tokens) && Array.isArray(values.additional_special_tokens)) {
    values.extra_special_tokens = values.additional_special_tokens;
    delete values.additional_special_tokens;
  }
  const added = new Map<number, AddedToken>();
  if (decoder !== null) {
    for (const [id, token] of Object.entries(decoder)) added.set(Number(id), token);
  } else {
    Object.assign(values, specialOnly(specialTokensMap ?? {}), joinedExtra(values, specialTokensMap));
    const special = new Set(
      [...namedOf(values).values(), ...listOf(values.extra_special_tokens)].map(contentOf),
    );
    for (const [content, id] of Object.entries(addedTokens ?? {})) {
      added.set(id, { content, special: special.has(content), normalized: !special.has(content) });
    }
    for (const { id, ...token } of ownAddedTokens) added.set(id, token);
  }
  const byContent = new Map([...added.values()].map((token) => [token.content, token]));
  const resolved = (token: GivenToken): GivenToken => byContent.get(contentOf(token)) ?? token;
  return {
    named: Object.fromEntries(
      namedTokens
        .filter((name) => values[name] !== undefined)
        .map((name) => [name, values[name] === null ? null : resolved(values[name] as GivenToken)]),
    ),
    ownNames: ownNamesOf(values),
    extra: Array.isArray(values.extra_special_tokens) ? values.extra_special_tokens : null,
    additional: Array.isArray(values.additional_special_tokens) ? values.additional_special_tokens : null,
    added: [...added].sort(([left], [right]) => left - right).map(([, token]) => token),
  };
}

function isFilled(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function listOf(value: unknown): readonly GivenToken[] {
  return Array.isArray(value) ? value : [];
}

/** Tokens of special_tokens_map.json are special, whatever else it says of them. */
function specialOnly(map: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(map).map(([name, value]) => {
      const token = addedTokenSchema.safeParse(value);
      return [name, token.success ? { ...token.data, special: true } : value];
    }),
  );
}

function joinedExtra(
  values: Readonly<Record<string, unknown>>,
  map: TokenFiles['specialTokensMap'],
): Record<string, unknown> {
  const own = map?.extra_special_tokens;
  if (!Array.isArray(own)) return {};
  return { extra_special_tokens: [...listOf(values.extra_special_tokens), ...own] };
}

function namedOf(values: Readonly<Record<string, unknown>>): Map<NamedToken, GivenToken> {
  const given = namedTokens.filter((name) => values[name] !== undefined && values[name] !== null);
  return new Map(given.map((name) => [name, values[name] as GivenToken]));
}

function ownNamesOf(values: Readonly<Record<string, unknown>>): Map<string, GivenToken> {
  const own = new Map<string, GivenToken>();
  for (const [name, value] of Object.entries(values)) {
    const token = givenTokenSchema.safeParse(value);
    const isOwn = name.endsWith('_token') && !(namedTokens as readonly string[]).includes(name);
    if (isOwn && token.success) own.set(name, token.data);
  }
  const extra = values.extra_special_tokens;
  if (typeof extra === 'object' && extra !== null && !Array.isArray(extra)) {
    for (const [name, token] of Object.entries(extra)) own.set(name, token as GivenToken);
  }
  return own;
}
