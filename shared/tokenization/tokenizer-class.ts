/** @file What a tokenizer class of `transformers` is: its steps, whatever file it reads. */
import { type Processor, templateProcessing } from 'tokenizers';
import type { GivenToken } from './added-tokens.ts';
import type { NamedToken, TokenSettings } from './token-settings.ts';

/** A part of a tokenizer.json: `{ type, .. }`. */
export type Step = Readonly<Record<string, unknown>>;

/** A sequence of steps, under the key that their kind has. */
export function sequence(key: 'normalizers' | 'pretokenizers' | 'decoders', ...steps: readonly Step[]): Step {
  return { type: 'Sequence', [key]: steps };
}

/** What tokenizer_config.json may set of the steps. */
export interface StepOptions {
  readonly do_lower_case?: boolean | undefined;
  readonly strip_accents?: boolean | null | undefined;
  readonly tokenize_chinese_chars?: boolean | undefined;
  readonly keep_accents?: boolean | undefined;
  readonly split_by_punct?: boolean | undefined;
  readonly add_prefix_space?: boolean | null | undefined;
  readonly legacy?: boolean | null | undefined;
  readonly unk_id?: number | null | undefined;
  readonly extra_ids?: number | null | undefined;
}

/** The vocabulary of a tokenizer.json and what else of it a class may keep. */
export interface FileParts {
  /** `model` of tokenizer.json. */
  readonly model: Step;
  /** SentencePiece's precompiled normalizer, null where the file has none. */
  readonly precompiled: Step | null;
}

/** What stands between a text and its ids, in the words of tokenizer.json. */
export interface Pipeline {
  readonly model: Step;
  readonly normalizer: Step | null;
  readonly pre_tokenizer: Step | null;
  readonly decoder: Step;
}

/** The special tokens of a loaded tokenizer. */
export interface SpecialTokens {
  /** The text of a named token; null where there is none. */
  textOf(name: NamedToken): string | null;
  idOf(text: string): number | null;
  /** `add_bos_token` and `add_eos_token`; false where tokenizer.json says what frames a text. */
  readonly adds: { readonly bos: boolean; readonly eos: boolean };
}

/** Files of a vocabulary without steps: WordPiece's, and byte-level BPE's (beside merges.txt). */
export type VocabularyFile = 'vocab.txt' | 'vocab.json';

/** A tokenizer class. */
export interface TokenizerClass {
  /** The model whose vocabulary it takes. */
  readonly model: 'WordPiece' | 'BPE' | 'Unigram';
  /** Its special tokens where the files name none; null for one that it leaves out. */
  readonly tokens: Readonly<Partial<Record<NamedToken, GivenToken | null>>>;
  /** What it reads where there is no tokenizer.json. */
  readonly vocabularyFile?: VocabularyFile;
  /** Whether it tells the two texts of a pair apart by token types. */
  readonly tokenTypes: boolean;
  /** Its steps, which take the place of those in tokenizer.json. */
  steps(parts: FileParts, options: StepOptions, unknown: string): Pipeline;
  /** The special tokens around a text; where absent those of tokenizer.json. */
  processor?(special: SpecialTokens): Processor;
  /** Whether `processor` stands back where the file has one. */
  readonly prefersFile?: boolean;
  /** Special tokens without a name, where they are not simply those of the files. */
  extraTokens?(settings: TokenSettings, options: StepOptions): readonly GivenToken[];
  /** Whether special tokens are added anew, so that they strip nothing. */
  readonly plainSpecialTokens?: boolean;
}

/** `name`, which must be there, of tokens that frame a text. */
export function framing(special: SpecialTokens, name: NamedToken): readonly [string, number] {
  const text = special.textOf(name) ?? '';
  return [text, special.idOf(text) ?? 0];
}

/** `[CLS] A [SEP] B [SEP]`: what belongs to the second text has type 1. */
export function framedWithTypes(special: SpecialTokens): Processor {
  const [cls, sep] = [framing(special, 'cls_token'), framing(special, 'sep_token')];
  return templateProcessing(`${cls[0]}:0 $A:0 ${sep[0]}:0`, `${cls[0]}:0 $A:0 ${sep[0]}:0 $B:1 ${sep[0]}:1`, [
    [...cls],
    [...sep],
  ]);
}

/** `<s> A </s></s> B </s>`: two ends between the texts, all of one type. */
export function framedByEnds(special: SpecialTokens, begin: NamedToken, end: NamedToken): Processor {
  const [first, last] = [framing(special, begin), framing(special, end)];
  return templateProcessing(
    `${first[0]} $A ${last[0]}`,
    `${first[0]} $A ${last[0]} ${last[0]} $B ${last[0]}`,
    [[...first], [...last]],
  );
}

/** The beginning and the end of a text where the settings ask for them, else nothing. */
export function beginAndEnd(special: SpecialTokens): Processor {
  const begin = special.adds.bos ? special.textOf('bos_token') : null;
  const end = special.adds.eos ? special.textOf('eos_token') : null;
  const around = (text: string, type: number): string =>
    [begin, text, end]
      .filter((part) => part !== null)
      .map((part) => `${part}:${type}`)
      .join(' ');
  const tokens = [...new Set([begin, end])].filter((token) => token !== null);
  return templateProcessing(
    around('$A', 0),
    `${around('$A', 0)} ${around('$B', 1)}`,
    tokens.map((token) => [token, special.idOf(token) ?? 0]),
  );
}
