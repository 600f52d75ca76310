/** @file A folder's tokenizer as the parts that decide which tokens a text becomes. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { RegmeanError } from '../errors.ts';
import { buildTokenizer } from './build-tokenizer.ts';
import { readTokenizerFiles } from './tokenizer-files.ts';

/** Parts by name, in the words of tokenizer.json: `vocabulary`, `merges`, `normalizer`, .. */
export type TokenizerParts = ReadonlyMap<string, unknown>;

const part = z.unknown().optional();
const writtenSchema = z.looseObject({
  model: z.looseObject({ vocab: part, merges: part, dropout: part }),
  normalizer: part,
  pre_tokenizer: part,
  post_processor: part,
  added_tokens: part,
});

/** Files with a vocabulary: a folder without any has no tokenizer. */
const vocabularyFiles = [
  'tokenizer.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'spm.model',
  'spiece.model',
  'sentencepiece.bpe.model',
  'tokenizer.model',
] as const;

/** All files that make a tokenizer. */
const tokenizerFiles = [
  ...vocabularyFiles,
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
] as const;

/** SHA-256 of the files that make a folder's tokenizer; empty without a vocabulary. */
export async function tokenizerDigests(folder: string): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  for (const name of tokenizerFiles) {
    const bytes = await readFile(join(folder, name)).catch(() => null);
    if (bytes !== null) digests.set(name, createHash('sha256').update(bytes).digest('hex'));
  }
  return vocabularyFiles.some((name) => digests.has(name)) ? digests : new Map();
}

/**
 * The parts of a folder's tokenizer as it is used, with what the settings beside it change, in the
 * one form that the library writes them in; null where this program cannot use it.
 */
export async function tokenizerParts(folder: string): Promise<TokenizerParts | null> {
  const scratch = await mkdtemp(join(tmpdir(), 'regmean-tokenizer-'));
  try {
    const { native } = buildTokenizer(await readTokenizerFiles(folder));
    const path = join(scratch, 'tokenizer.json');
    native.save(path, false);
    const { model, ...steps } = writtenSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    const { vocab, merges, dropout: _, ...settings } = model;
    return new Map<string, unknown>([
      ['vocabulary', vocab],
      ['merges', merges],
      ['model', settings],
      ['normalizer', steps.normalizer],
      ['pre_tokenizer', steps.pre_tokenizer],
      ['post_processor', steps.post_processor],
      ['added_tokens', steps.added_tokens],
    ]);
  } catch (error) {
    if (error instanceof RegmeanError) return null;
    throw error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
