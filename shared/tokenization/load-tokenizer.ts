import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { RegmeanError } from '../errors.ts';
import { withoutByteOrderMark } from '../files/byte-order-mark.ts';
import { refuseLfsPointer } from '../files/lfs-pointer.ts';
import { lengthLimit } from './length-limit.ts';
import { createTokenizer, type Tokenizer } from './tokenizer.ts';
import { wordPieceTokenizerJson } from './wordpiece-tokenizer-json.ts';

const token = z
  .union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])
  .nullish();

const tokenizerConfig = z.looseObject({
  do_lower_case: z.boolean().optional(),
  strip_accents: z.boolean().nullish(),
  tokenize_chinese_chars: z.boolean().optional(),
  model_max_length: z.number().nullish(),
  model_input_names: z.array(z.string()).optional(),
  unk_token: token,
  cls_token: token,
  sep_token: token,
  pad_token: token,
  mask_token: token,
});

const modelConfig = z.looseObject({
  model_type: z.string().optional(),
  max_position_embeddings: z.number().nullish(),
  n_positions: z.number().nullish(),
  pad_token_id: z.number().nullish(),
  type_vocab_size: z.number().nullish(),
});

const addedTokens = z.looseObject({
  added_tokens: z
    .array(z.looseObject({ id: z.number(), content: z.string(), special: z.boolean() }))
    .nullish(),
});

/**
 * The tokenizer of a model folder: `tokenizer.json`, or else a BERT `vocab.txt`, with the settings
 * of `tokenizer_config.json`, `special_tokens_map.json` and the lengths of `config.json` where they
 * are present.
 *
 * @throws RegmeanError `not-found` when the folder has neither; `invalid-input` for a file that is
 *   not what its name says
 */
export async function loadTokenizer(dir: string): Promise<Tokenizer> {
  const config = {
    ...(await readJson(join(dir, 'special_tokens_map.json'), tokenizerConfig)),
    ...(await readJson(join(dir, 'tokenizer_config.json'), tokenizerConfig)),
  };
  const model = (await readJson(join(dir, 'config.json'), modelConfig)) ?? {};
  const { json, where } = await tokenizerJson(dir, config);
  const names = specialTokenNames(json, where);
  const idToken = names.byId.get(model.pad_token_id ?? -1);
  const known = (candidates: readonly (string | null | undefined)[]): string | null =>
    candidates.find((name) => typeof name === 'string' && names.all.includes(name)) ?? null;
  return createTokenizer(
    json,
    {
      padToken: config.pad_token ?? idToken ?? known(['[PAD]', '<pad>']),
      maskToken: config.mask_token ?? known(['[MASK]', '<mask>']),
      specialTokens: names.all,
      maxLength: Math.min(knownLength(config.model_max_length), lengthLimit(model)),
      tokenTypes:
        model.type_vocab_size !== 1 &&
        model.type_vocab_size !== 0 &&
        (config.model_input_names?.includes('token_type_ids') ?? true),
    },
    where,
  );
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

/** The tokenizer's own limit; Hugging Face writes 10^30 where it knows none. */
function knownLength(length: number | null | undefined): number {
  return length === null || length === undefined || length > 1e9 ? Number.POSITIVE_INFINITY : length;
}

async function tokenizerJson(
  dir: string,
  config: z.infer<typeof tokenizerConfig>,
): Promise<{ json: string; where: string }> {
  const where = join(dir, 'tokenizer.json');
  const json = await readText(where);
  if (json !== null) return { json, where };
  const vocabularyFile = join(dir, 'vocab.txt');
  const vocabulary = await readText(vocabularyFile);
  if (vocabulary !== null) {
    return { json: wordPieceTokenizerJson(vocabulary, config, vocabularyFile), where: vocabularyFile };
  }
  const isThere = (name: string): boolean => existsSync(join(dir, name));
  const others = [byteLevelFiles.filter(isThere), sentencePieceFiles.filter(isThere)];
  const got = others.find(({ length }) => length > 0)?.join(' and ');
  throw new RegmeanError(
    'not-found',
    `${dir}: must hold tokenizer.json or vocab.txt, got ${got ?? 'neither'}`,
    {
      hint: "AutoTokenizer.from_pretrained(DIR, use_fast=True).save_pretrained(DIR) in Python's transformers writes one",
    },
  );
}

function specialTokenNames(
  json: string,
  where: string,
): { all: string[]; byId: ReadonlyMap<number, string> } {
  const parsed = addedTokens.safeParse(parseJson(json, where));
  const special = (parsed.data?.added_tokens ?? []).filter((added) => added.special);
  return {
    all: special.map(({ content }) => content),
    byId: new Map(special.map(({ id, content }) => [id, content])),
  };
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | null> {
  const text = await readText(path);
  if (text === null) return null;
  const parsed = schema.safeParse(parseJson(text, path));
  if (parsed.success) return parsed.data;
  throw new RegmeanError('invalid-input', `${path}: ${z.prettifyError(parsed.error)}`);
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(withoutByteOrderMark(text));
  } catch (cause) {
    throw new RegmeanError('invalid-input', `${path}: must be JSON`, { cause });
  }
}

/** The text of a file, null when there is none. */
async function readText(path: string): Promise<string | null> {
  try {
    const text = await readFile(path, 'utf8');
    refuseLfsPointer(path, text);
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
