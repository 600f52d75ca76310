/**
 * @file What lies in a model folder beside weights and configuration, and belongs to the model: its
 *   tokenizer, how it is prompted and how it generates, its licence.
 */
import { constants } from 'node:fs';
import { copyFile, mkdir, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { isFolder } from '../files/present.ts';

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
 * sentence-transformers, which describe a model by files in folders, and further chat templates. A
 * merge takes them from the base, so that none comes from an agent.
 */
const localFiles: ReadonlySet<string> = new Set([
  'config_sentence_transformers.json',
  'modules.json',
  'sentence_bert_config.json',
]);

/**
 * Folders with side files that stay on the machine, and what these are called: the modules behind
 * the encoder (`1_Pooling`, `2_Dense`, `3_Normalize`), with weights where they have some, and chat
 * templates. Pickled weights are code, and are left.
 */
const localFolders: readonly (readonly [folder: RegExp, file: RegExp])[] = [
  [/^[1-9]\d?_[A-Z][A-Za-z0-9]*$/, /^(config\.json|model\.safetensors)$/],
  [/^additional_chat_templates$/, /^[A-Za-z0-9_][A-Za-z0-9._-]*\.jinja$/],
];

/** Paths of all side files of a model folder, relative to it, sorted. */
export async function sideFilesOf(folder: string): Promise<readonly string[]> {
  const own = ((await listFolder(folder)) ?? []).filter((name) => sideFiles.has(name));
  return [...own, ...(await localSideFilesOf(folder))].sort();
}

/** Paths of the side files that no contribution holds, relative to a model folder, sorted. */
export async function localSideFilesOf(folder: string): Promise<readonly string[]> {
  const names = (await listFolder(folder)) ?? [];
  const found = names.filter((name) => localFiles.has(name));
  for (const inner of names) {
    const pattern = localFolders.find(([own]) => own.test(inner))?.[1];
    if (pattern === undefined || !(await isFolder(join(folder, inner)))) continue;
    const inside = (await listFolder(join(folder, inner))) ?? [];
    found.push(...inside.filter((name) => pattern.test(name)).map((name) => `${inner}/${name}`));
  }
  return found.sort();
}

/**
 * Copies side files of one model folder to another.
 *
 * @param paths which; all when absent
 * @throws RegmeanError `invalid-input` for a link to a file of another name outside of the folder
 */
export async function copySideFiles(from: string, to: string, paths?: readonly string[]): Promise<void> {
  for (const path of paths ?? (await sideFilesOf(from))) {
    await requireOwn(from, path);
    await mkdir(dirname(join(to, path)), { recursive: true });
    await copyFile(join(from, path), join(to, path), constants.COPYFILE_FICLONE);
  }
}

/** Copies the side files that contributions hold from one folder to another. */
export async function copyTravellingFiles(from: string, to: string): Promise<void> {
  const names = ((await listFolder(from)) ?? []).filter((name) => sideFiles.has(name));
  await copySideFiles(from, to, names);
}

/**
 * Refuses a link through which another file of the machine would be sent or published under the
 * name of a side file. The same file of another model is none, nor are those of Hugging Face's
 * cache, whose `snapshots/VERSION` are links to `blobs`.
 */
async function requireOwn(folder: string, path: string): Promise<void> {
  const file = join(folder, path);
  const target = await realpath(file).catch(() => null);
  if (target === null) {
    throw new RegmeanError('not-found', `${file}: must be a file, is a link to what is not there`);
  }
  const own = await realpath(folder);
  const [cache, version] = own.split(`${sep}snapshots${sep}`);
  const homes = version === undefined ? [own] : [own, `${cache}${sep}blobs`];
  if (homes.some((home) => target.startsWith(`${home}${sep}`)) || target.endsWith(`${sep}${path}`)) return;
  throw new RegmeanError('invalid-input', `${file}: must be a file of the model, is a link to ${target}`, {
    hint: 'put the file itself into the folder, if it belongs to the model',
  });
}
