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
export function tokenSettingsOf(files: TokenFiles): TokenSettings {
  const decoder = files.config.added_tokens_decoder ?? null;
  const values = decoder === null ? withTokensMap(files) : valuesOf(files.config);
  const added = new Map<number, AddedToken>();
  for (const [id, token] of Object.entries(decoder ?? {})) added.set(Number(id), token);
  if (decoder === null) {
    const known = new Set([...namedIn(values), ...listOf(values.extra_special_tokens)].map(contentOf));
    for (const [content, id] of Object.entries(files.addedTokens ?? {})) {
      const special = known.has(content);
      added.set(id, { content, special, normalized: !special });
    }
    for (const { id, ...token } of files.ownAddedTokens) added.set(id, token);
  }
  const byContent = new Map([...added.values()].map((token) => [token.content, token]));
  const named: Partial<Record<NamedToken, GivenToken | null>> = {};
  for (const name of namedTokens) {
    const token = values[name];
    if (token === undefined) continue;
    named[name] = token === null ? null : (byContent.get(contentOf(token)) ?? token);
  }
  return {
    named,
    ownNames: ownNamesOf(values),
    extra: Array.isArray(values.extra_special_tokens) ? values.extra_special_tokens : null,
    additional: values.additional_special_tokens ?? null,
    added: [...added].sort(([left], [right]) => left - right).map(([, token]) => token),
  };
}

type Values = z.infer<typeof specialTokensMapSchema>;

/** tokenizer_config.json, `additional_special_tokens` under its name of today. */
function valuesOf(config: Values): Values {
  const { additional_special_tokens: older, extra_special_tokens: extra, ...rest } = config;
  const isFilled = extra !== undefined && extra !== null && Object.keys(extra).length > 0;
  if (older === undefined || older === null || isFilled) return config;
  return { ...rest, extra_special_tokens: older };
}

/** The same, with what special_tokens_map.json says before it; its tokens are special. */
function withTokensMap({ config, specialTokensMap }: TokenFiles): Values {
  const values = valuesOf(config);
  const map = specialTokensMap ?? {};
  const entries = Object.entries(map).map(([name, value]) => {
    const token = addedTokenSchema.safeParse(value);
    return [name, token.success ? { ...token.data, special: true } : value] as const;
  });
  const extra = map.extra_special_tokens;
  return {
    ...values,
    ...Object.fromEntries(entries),
    ...(Array.isArray(extra)
      ? { extra_special_tokens: [...listOf(values.extra_special_tokens), ...extra] }
      : {}),
  };
}

function listOf(extra: Values['extra_special_tokens']): readonly GivenToken[] {
  return Array.isArray(extra) ? extra : [];
}

function namedIn(values: Values): readonly GivenToken[] {
  return namedTokens.flatMap((name) => values[name] ?? []);
}

function ownNamesOf(values: Values): ReadonlyMap<string, GivenToken> {
  const extra = values.extra_special_tokens ?? {};
  const own = Object.entries({ ...values, ...(Array.isArray(extra) ? {} : extra) });
  const isNamed = (name: string): boolean => (namedTokens as readonly string[]).includes(name);
  const inExtra = new Set(Array.isArray(extra) ? [] : Object.keys(extra));
  const found = new Map<string, GivenToken>();
  for (const [name, value] of own) {
    const token = givenTokenSchema.safeParse(value);
    const isToken = inExtra.has(name) || (name.endsWith('_token') && !isNamed(name));
    if (isToken && token.success) found.set(name, token.data);
  }
  return found;
}
