/**
 * @file What lies in a model folder beside weights and configuration, and belongs to the model: its
 *   tokenizer, how it is prompted and how it generates, its licence.
 */
import { constants } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { listFolder } from '../files/atomic-folder.ts';

/**
 * Side files that contributions hold and that travel. Only known names are ever copied or sent, so
 * that nothing else that lies in a folder (data, optimizer state) leaves it by accident.
 */
export const sideFiles: ReadonlySet<string> = new Set([
  'LICENSE',
  'LICENSE.txt',
  'NOTICE',
  'added_tokens.json',
  'chat_template.jinja',
  'generation_config.json',
  'merges.txt',
  'sentencepiece.bpe.model',
  'special_tokens_map.json',
  'spiece.model',
  'spm.model',
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'vocab.json',
  'vocab.txt',
]);

/**
 * Side files that stay on the machine, where a model folder is made from another: those of
 * sentence-transformers, which describe a model by files in folders.
 */
const localFiles: ReadonlySet<string> = new Set([
  'config_sentence_transformers.json',
  'modules.json',
  'sentence_bert_config.json',
]);

/** Folders with side files that stay on the machine, and what these are called. */
const localFolders: ReadonlyMap<string, RegExp> = new Map([
  ['1_Pooling', /^config\.json$/],
  ['additional_chat_templates', /^[A-Za-z0-9_][A-Za-z0-9._-]*\.jinja$/],
]);

/** Paths of all side files of a model folder, relative to it, sorted. */
export async function sideFilesOf(folder: string): Promise<readonly string[]> {
  const names = (await listFolder(folder)) ?? [];
  const found = names.filter((name) => sideFiles.has(name) || localFiles.has(name));
  for (const [inner, pattern] of localFolders) {
    if (!names.includes(inner)) continue;
    const inside = (await listFolder(join(folder, inner))) ?? [];
    found.push(...inside.filter((name) => pattern.test(name)).map((name) => `${inner}/${name}`));
  }
  return found.sort();
}

/**
 * Copies side files of one model folder to another.
 *
 * @param paths which; all when absent
 */
export async function copySideFiles(from: string, to: string, paths?: readonly string[]): Promise<void> {
  for (const path of paths ?? (await sideFilesOf(from))) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    await copyFile(join(from, path), join(to, path), constants.COPYFILE_FICLONE);
  }
}

/** Copies the side files that contributions hold from one folder to another. */
export async function copyTravellingFiles(from: string, to: string): Promise<void> {
  const names = ((await listFolder(from)) ?? []).filter((name) => sideFiles.has(name));
  for (const name of names) await copyFile(join(from, name), join(to, name), constants.COPYFILE_FICLONE);
}
