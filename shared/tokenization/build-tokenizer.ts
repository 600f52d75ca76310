/**
 * @file Hugging Face's library (the `tokenizers` package) with the steps, tokens and settings that
 *   `transformers` 5 gives it for the same files. `transformers` 4 differs: it kept the steps of
 *   tokenizer.json under a named class too, and let `add_bos_token` and `add_eos_token` change what
 *   tokenizer.json puts around a text; since 5 they count only where there is no tokenizer.json.
 */
import { dirname } from 'node:path';
import { Tokenizer as NativeTokenizer } from 'tokenizers';
import { messageOf, RegmeanError } from '../errors.ts';
import { JsonText } from '../files/json-text.ts';
import {
  type AddedToken,
  contentOf,
  type GivenToken,
  plainSpecialToken,
  tokensToAdd,
  toNativeToken,
  withoutSpecial,
} from './added-tokens.ts';
import { classOf } from './classes/class-of.ts';
import { bertTokenizer } from './classes/wordpiece.ts';
import { requireLastingTokens, requireSafeSteps } from './native-limits.ts';
import { withoutEndStrips } from './strip-decoder.ts';
import { type NamedToken, namedTokens, type TokenSettings, tokenSettingsOf } from './token-settings.ts';
import { beginAndEnd, type SpecialTokens, type Step, type TokenizerClass } from './tokenizer-class.ts';
import { missingTokenizer, type TokenizerFiles, type TokenizerJson } from './tokenizer-files.ts';
import { hasPiece, isPieceList } from './vocabulary.ts';

/** The library's tokenizer, and what its class says beside it. */
export interface BuiltTokenizer {
  /** Without truncation and padding. */
  readonly native: NativeTokenizer;
  /** What reads text: `native`, or a twin that takes the text of special tokens for text. */
  readonly reader: NativeTokenizer;
  /** Texts that give a token, the first of them for all but odd vocabularies. */
  readonly samples: readonly string[];
  /**
   * Whether the class tells the two texts of a pair apart; so does a tokenizer.json of which
   * nothing says what model it is for.
   */
  readonly tokenTypes: boolean;
  /**
   * Where bytes are read without a space before a word, the file that could say otherwise; null for
   * tokenizers that know words by other means, or put the space there.
   */
  readonly wordsLackSpaceIn: 'tokenizer_config.json' | 'tokenizer.json' | null;
}

/**
 * Builds the tokenizer of parsed files.
 *
 * @throws RegmeanError `invalid-input` for a vocab.txt without the tokens that frame a text, and
 *   for what the library does not accept
 */
export function buildTokenizer(files: TokenizerFiles): BuiltTokenizer {
  const { json, where, config } = files;
  const kind = classOfFiles(files);
  const tokens = tokenSettingsOf({ ...files, ownAddedTokens: json.added_tokens ?? [] });
  const named = namedTokensOf(kind, files, tokens);
  if (files.vocabularyFile === 'vocab.txt') requireUsualTokens(json, kind, tokens, where);
  const unknown = contentOf(named.get('unk_token') ?? '[UNK]');
  const steps =
    kind === null
      ? json
      : {
          ...json,
          ...asTokenizer(where, () =>
            kind.steps({ model: json.model, precompiled: precompiledOf(json) }, config, unknown),
          ),
        };
  const extra = kind?.extraTokens?.(tokens, config) ?? tokens.extra ?? tokens.additional ?? [];
  const withName = [...named.values(), ...tokens.ownNames.values()];
  const special = [...withName, ...extra];
  const own = kind === null ? (json.added_tokens ?? []) : [];
  const later = [
    ...tokensToAdd(tokens.added, { withName, extra }, own.map(contentOf)),
    ...(kind?.plainSpecialTokens === true ? special.map(contentOf).map(plainSpecialToken) : []),
  ];
  const build = (prepare: <T extends AddedToken>(added: readonly T[]) => readonly T[]): NativeTokenizer =>
    asTokenizer(where, () => {
      const [first, second] = [prepare(own), prepare(later)];
      const decoder = withoutEndStrips(steps.decoder ?? null, where);
      const whole = { ...steps, decoder, added_tokens: first, truncation: null, padding: null };
      requireSafeSteps(whole, where);
      const native = NativeTokenizer.fromString(textOf(whole));
      if (second.length > 0) native.addAddedTokens(second.map(toNativeToken));
      requireLastingTokens(native, [...first, ...second], where);
      frame(native, kind, named, files);
      return native;
    });
  const native = build((added) => added);
  const reader =
    config.split_special_tokens === true
      ? build(withoutSpecial([...own, ...later], (content) => hasPiece(json.model, content)))
      : native;
  const samples = ['a', ...[...own, ...later].map(contentOf)];
  const isNamed = classNameOf(files) !== null || files.model.model_type !== undefined;
  const lacksSpace = stepsOf(steps.pre_tokenizer ?? null).some(
    ({ type, add_prefix_space }) => type === 'ByteLevel' && add_prefix_space !== true,
  );
  const settingsFile = kind === null ? 'tokenizer.json' : 'tokenizer_config.json';
  return {
    native,
    reader,
    samples,
    tokenTypes: kind?.tokenTypes ?? !isNamed,
    wordsLackSpaceIn: lacksSpace ? settingsFile : null,
  };
}

/** What `make` makes of a file's parts, which may be anything. */
function asTokenizer<T>(where: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (cause instanceof RegmeanError) throw cause;
    throw new RegmeanError('invalid-input', `${where}: is not a tokenizer: ${messageOf(cause)}`, { cause });
  }
}

function classOfFiles(files: TokenizerFiles): TokenizerClass | null {
  const { json, where, model, vocabularyFile } = files;
  const found = classOf({
    modelType: model.model_type ?? null,
    named: classNameOf(files),
    isByteLevel: JSON.stringify([
      json.normalizer,
      json.pre_tokenizer,
      json.decoder,
      json.post_processor,
    ]).includes('"ByteLevel"'),
  });
  if (vocabularyFile === null) return found?.model === modelKindOf(json) ? found : null;
  if (found?.vocabularyFile === vocabularyFile) return found;
  if (vocabularyFile === 'vocab.txt') return bertTokenizer;
  throw missingTokenizer(dirname(where));
}

function classNameOf({ config, model }: TokenizerFiles): string | null {
  return config.tokenizer_class ?? model.tokenizer_class ?? null;
}

/** Which model a tokenizer.json has; older ones do not say. */
function modelKindOf({ model }: TokenizerJson): string {
  if (typeof model.type === 'string') return model.type;
  if (isPieceList(model)) return 'Unigram';
  return 'merges' in model ? 'BPE' : 'WordPiece';
}

/** SentencePiece's precompiled normalizer: the one step of tokenizer.json that classes keep. */
function precompiledOf({ normalizer }: TokenizerJson): Step | null {
  const list = normalizer?.type === 'Sequence' ? normalizer.normalizers : [normalizer];
  const steps = (Array.isArray(list) ? list : []) as readonly (Step | null | undefined)[];
  return steps.find((step) => step?.type === 'Precompiled') ?? null;
}

/** A step, or those of a sequence. */
function stepsOf(step: Step | null): readonly Step[] {
  const { type, pretokenizers } = step ?? {};
  if (type === 'Sequence' && Array.isArray(pretokenizers)) return pretokenizers;
  return step === null ? [] : [step];
}

/** The named special tokens that there are, in the order they are added. */
function namedTokensOf(
  kind: TokenizerClass | null,
  { json }: TokenizerFiles,
  { named }: TokenSettings,
): ReadonlyMap<NamedToken, GivenToken> {
  const padding = json.padding?.pad_token;
  const usual = { ...(padding === undefined ? {} : { pad_token: padding }), ...kind?.tokens };
  const found = new Map<NamedToken, GivenToken>();
  for (const name of namedTokens) {
    const token = named[name] === undefined ? usual[name] : named[name];
    if (token !== undefined && token !== null) found.set(name, token);
  }
  return found;
}

/** A vocab.txt without the usual tokens is not the class's, unless the settings name others. */
function requireUsualTokens(
  { model }: TokenizerJson,
  kind: TokenizerClass | null,
  { named }: TokenSettings,
  where: string,
): void {
  for (const name of ['unk_token', 'cls_token', 'sep_token'] as const) {
    const usual = kind?.tokens[name];
    if (named[name] !== undefined || usual === undefined || usual === null) continue;
    if (hasPiece(model, contentOf(usual))) continue;
    throw new RegmeanError('invalid-input', `${where}: must hold the token "${contentOf(usual)}", got none`, {
      hint: 'only WordPiece vocabularies can be used without tokenizer.json',
    });
  }
}

/** Puts the class's special tokens around texts. */
function frame(
  native: NativeTokenizer,
  kind: TokenizerClass | null,
  named: ReadonlyMap<NamedToken, GivenToken>,
  { json, config, vocabularyFile }: TokenizerFiles,
): void {
  const decides = vocabularyFile !== null;
  const special: SpecialTokens = {
    textOf: (name) => (named.has(name) ? contentOf(named.get(name) ?? '') : null),
    idOf: (text) => native.tokenToId(text),
    adds: { bos: decides && config.add_bos_token === true, eos: decides && config.add_eos_token === true },
  };
  const hasOwn = json.post_processor !== undefined && json.post_processor !== null;
  const processor = kind?.prefersFile === true && hasOwn ? undefined : kind?.processor;
  if (processor !== undefined) native.setPostProcessor(processor(special));
  else if (!hasOwn) native.setPostProcessor(beginAndEnd(special));
}

/** A tokenizer.json, whose model may have members that are text already. */
function textOf({ model, ...others }: { readonly model: Step } & Readonly<Record<string, unknown>>): string {
  const members = Object.entries(model)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const text = value instanceof JsonText ? value.text : JSON.stringify(value);
      return `${JSON.stringify(key)}:${text}`;
    });
  return `${JSON.stringify(others).slice(0, -1)},"model":{${members.join(',')}}}`;
}
