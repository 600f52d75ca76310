/** @file The files of a folder that make its tokenizer. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { type KeptMembers, parseJsonKeeping } from '../files/json-text.ts';
import { readJson } from '../files/read-json.ts';
import { readText } from '../files/read-text.ts';
import { z } from '../zod.ts';
import { addedTokenSchema } from './added-tokens.ts';
import { addedTokensFileSchema, specialTokensMapSchema, tokensOfConfig } from './token-settings.ts';
import type { VocabularyFile } from './tokenizer-class.ts';

const step = z.record(z.string(), z.unknown());
const side = z
  .string()
  .transform((text) => text.toLowerCase())
  .pipe(z.enum(['left', 'right']));

/**
 * What is read of a tokenizer.json; the rest goes to the library as it is, vocabulary and merges
 * even as their text.
 */
const tokenizerJsonSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema.extend({ id: z.number() })).nullish(),
  truncation: z.looseObject({ direction: side.optional() }).nullish(),
  padding: z.looseObject({ pad_token: z.string().optional() }).nullish(),
  normalizer: step.nullish(),
  pre_tokenizer: step.nullish(),
  post_processor: step.nullish(),
  decoder: step.nullish(),
  model: step,
});

/** vocab.json: the id of each piece. */
const vocabularySchema = z.record(z.string(), z.number().int());

const tokenizerConfigSchema = z.looseObject({
  ...tokensOfConfig,
  tokenizer_class: z.string().nullish(),
  do_lower_case: z.boolean().optional(),
  strip_accents: z.boolean().nullish(),
  tokenize_chinese_chars: z.boolean().optional(),
  keep_accents: z.boolean().optional(),
  split_by_punct: z.boolean().optional(),
  add_prefix_space: z.boolean().nullish(),
  legacy: z.boolean().nullish(),
  unk_id: z.number().nullish(),
  extra_ids: z.number().nullish(),
  truncation_side: side.optional(),
  model_max_length: z.number().nullish(),
  max_len: z.number().nullish(),
  model_input_names: z.array(z.string()).optional(),
  add_bos_token: z.boolean().optional(),
  add_eos_token: z.boolean().optional(),
  split_special_tokens: z.boolean().optional(),
  clean_up_tokenization_spaces: z.boolean().nullish(),
});

const modelConfigSchema = z.looseObject({
  model_type: z.string().optional(),
  tokenizer_class: z.string().nullish(),
  max_position_embeddings: z.number().nullish(),
  n_positions: z.number().nullish(),
  pad_token_id: z.number().nullish(),
  type_vocab_size: z.number().nullish(),
});

/** A tokenizer.json. */
export type TokenizerJson = z.infer<typeof tokenizerJsonSchema>;

/** The parsed files; null for those that are not there. */
export interface TokenizerFiles {
  /** tokenizer.json, or a model alone, of a vocabulary's file. */
  readonly json: TokenizerJson;
  /** The file that the vocabulary is from, for errors. */
  readonly where: string;
  /** The file that stands in for a tokenizer.json that is not there. */
  readonly vocabularyFile: VocabularyFile | null;
  /** tokenizer_config.json. */
  readonly config: z.infer<typeof tokenizerConfigSchema>;
  readonly specialTokensMap: z.infer<typeof specialTokensMapSchema> | null;
  /** added_tokens.json. */
  readonly addedTokens: z.infer<typeof addedTokensFileSchema> | null;
  /** config.json. */
  readonly model: z.infer<typeof modelConfigSchema>;
}

/**
 * Reads what makes the tokenizer of a folder: `tokenizer.json`, or else WordPiece's `vocab.txt` or
 * byte-level BPE's `vocab.json` and `merges.txt`, and the files of settings beside it.
 *
 * @throws RegmeanError `not-found` when the folder has neither; `invalid-input` for a file that is
 *   not what its name says
 */
export async function readTokenizerFiles(dir: string): Promise<TokenizerFiles> {
  const read = async <T>(name: string, schema: z.ZodType<T>): Promise<T | null> =>
    existsSync(join(dir, name)) ? readJson(join(dir, name), schema) : null;
  const where = join(dir, 'tokenizer.json');
  const json = existsSync(where)
    ? await readJson(where, tokenizerJsonSchema, (text) => parseJsonKeeping(text, longMembers))
    : null;
  const shared = {
    config: (await read('tokenizer_config.json', tokenizerConfigSchema)) ?? {},
    specialTokensMap: await read('special_tokens_map.json', specialTokensMapSchema),
    addedTokens: await read('added_tokens.json', addedTokensFileSchema),
    model: (await read('config.json', modelConfigSchema)) ?? {},
  };
  if (json !== null) return { ...shared, json, where, vocabularyFile: null };
  const lines = await textOrNull(join(dir, 'vocab.txt'));
  if (lines !== null) {
    const model = { type: 'WordPiece', vocab: vocabularyOf(lines) };
    return { ...shared, json: { model }, where: join(dir, 'vocab.txt'), vocabularyFile: 'vocab.txt' };
  }
  const vocab = await read('vocab.json', vocabularySchema);
  const merges = await textOrNull(join(dir, 'merges.txt'));
  if (vocab === null || merges === null) throw missingTokenizer(dir);
  const model = { type: 'BPE', vocab, merges: mergesOf(merges) };
  return { ...shared, json: { model }, where: join(dir, 'vocab.json'), vocabularyFile: 'vocab.json' };
}

/** The long members of a tokenizer.json. */
const longMembers: KeptMembers = { model: { vocab: 'text', merges: 'text' } };

/** One merge a line, its two parts apart by a space. */
function mergesOf(text: string): readonly string[] {
  return text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version'));
}

/** One token a line; the id is the line number from 0. */
function vocabularyOf(text: string): Readonly<Record<string, number>> {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  return Object.fromEntries(lines.map((line, id) => [line, id]));
}

/** SentencePiece models, by the names that checkpoints give them: they must be converted once. */
const sentencePieceFiles = [
  'spm.model',
  'spiece.model',
  'sentencepiece.bpe.model',
  'tokenizer.model',
] as const;

/** The files of byte-level tokenizers; tokenizer.json holds what is in both. */
const byteLevelFiles = ['vocab.json', 'merges.txt'] as const;

/** Whether a folder holds a tokenizer that can be read. */
export function hasTokenizer(dir: string): boolean {
  const isThere = (name: string): boolean => existsSync(join(dir, name));
  return isThere('tokenizer.json') || isThere('vocab.txt') || byteLevelFiles.every(isThere);
}

/** What is said of a folder that no tokenizer can be read from. */
export function missingTokenizer(dir: string): RegmeanError {
  const isThere = (name: string): boolean => existsSync(join(dir, name));
  const others = [byteLevelFiles.filter(isThere), sentencePieceFiles.filter(isThere)];
  const got = others.find(({ length }) => length > 0)?.join(' and ');
  return new RegmeanError(
    'not-found',
    `${dir}: must hold tokenizer.json or vocab.txt, got ${got ?? 'neither'}`,
    {
      hint: "AutoTokenizer.from_pretrained(DIR, use_fast=True).save_pretrained(DIR) in Python's transformers writes one",
    },
  );
}

/** The text of a file, null when there is none. */
async function textOrNull(path: string): Promise<string | null> {
  return existsSync(path) ? readText(path) : null;
}
