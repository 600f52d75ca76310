/**
 * @file A round as plain files:
 *
 *   <store>/rounds/<name>/
 *     recipe.yaml              the recipe with every default written out
 *     round.json               fingerprint and files of the base model
 *     base/                    the round's own copy of the base model
 *     incoming/<agent>/        a partial upload; a file's length is its committed offset
 *     contributions/<agent>/   an accepted contribution, by one rename of an upload
 *     replaced/<agent>/        the former contribution while a new one takes its place
 *     candidates/, scoring.json, scores/   see scoring-store.ts
 *     refinements/             see refinement-store.ts
 *     merged/                  the fused model; it comes here by one rename
 *     failure.json             why the merge failed
 *     serving.json             the process that serves the round
 */
import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestFile, readManifest } from '../../shared/contribution/manifest.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { writeFolderAtomically } from '../../shared/files/atomic-folder.ts';
import { syncFolder, writeAllAtomically, writeJsonAtomically } from '../../shared/files/atomic-write.ts';
import { sha256OfFile } from '../../shared/files/checksum.ts';
import { exists } from '../../shared/files/present.ts';
import { fingerprintFormat } from '../../shared/formats/fingerprint-weights.ts';
import { copySideFiles, localSideFilesOf } from '../../shared/models/side-files.ts';
import { type FolderFile, listFolderFiles } from '../../shared/wire/folder-files.ts';
import { z } from '../../shared/zod.ts';
import { formatRecipe, parseRecipe } from '../recipe/read-recipe.ts';
import type { Recipe } from '../recipe/recipe.ts';
import { filesFolder } from './incoming-upload.ts';
import { forgetRefinements } from './refinement-store.ts';
import { type RoundPaths, roundPaths, roundsFolder } from './round-paths.ts';
import { forgetScoring } from './scoring-store.ts';

const folderFile = z.strictObject({ name: z.string(), size: z.int(), sha256: z.string() });
const roundRecord = z.strictObject({
  format: z.literal('regmean-round/1'),
  createdAt: z.iso.datetime(),
  base: z.strictObject({
    fingerprint: z.string(),
    fingerprintFormat: z.string().optional(),
    files: z.array(folderFile),
  }),
});
const failureRecord = z.strictObject({ reason: z.string(), at: z.iso.datetime() });

/** The base model as the round keeps it. */
export interface RoundBase {
  readonly fingerprint: string;
  /** What it is a digest of; absent in rounds of version 0.1. */
  readonly fingerprintFormat?: string | undefined;
  readonly files: readonly FolderFile[];
}

/** A round that was opened from the disk. */
export interface StoredRound {
  readonly paths: RoundPaths;
  readonly recipe: Recipe;
  readonly base: RoundBase;
}

/**
 * Opens the round that a recipe describes: creates it with a copy of the base model, or takes up
 * the stored one. A stored round takes over changes of the agents still to come, the quorum, the
 * deadline and the merge, and a failure is forgotten with such a change.
 *
 * @param fingerprintOf fingerprint of a base model's folder
 * @throws RegmeanError when the recipe differs from the stored round in anything else, or the round
 *   was begun by a version that identified bases in another way
 */
export async function openRound(
  store: string,
  recipe: Recipe,
  fingerprintOf: (dir: string) => Promise<string>,
): Promise<StoredRound> {
  const paths = roundPaths(store, recipe.name);
  if (!(await exists(paths.dir))) {
    await createRound(paths, recipe, fingerprintOf);
    return readRound(store, recipe.name);
  }
  const stored = await readRound(store, recipe.name);
  await requireOwnFingerprint(stored, fingerprintOf);
  await finishReplacements(paths);
  if (formatRecipe(stored.recipe) === formatRecipe(recipe)) return stored;
  await requireCompatible(stored, recipe);
  await writeAllAtomically(paths.recipe, formatRecipe(recipe));
  await forgetScoring(paths);
  await forgetRefinements(paths);
  await rm(paths.failure, { force: true });
  return { ...stored, recipe };
}

/**
 * Reads a stored round without changing it.
 *
 * @throws RegmeanError when there is no such round
 */
export async function readRound(store: string, name: string): Promise<StoredRound> {
  const paths = roundPaths(store, name);
  if (!(await exists(paths.record))) {
    throw new RegmeanError('not-found', `${store}: must hold the round ${name}, there is no ${paths.record}`);
  }
  const recipe = parseRecipe(await readFile(paths.recipe, 'utf8'), paths.recipe);
  const record = roundRecord.parse(JSON.parse(await readFile(paths.record, 'utf8')));
  return { paths, recipe, base: record.base };
}

/** The names of the rounds of a store, sorted. */
export async function listRounds(store: string): Promise<string[]> {
  const dir = roundsFolder(store);
  const names = await readdir(dir).catch((cause: unknown) => {
    throw new RegmeanError('not-found', `${store}: must be a merger's store, there is no ${dir}`, { cause });
  });
  return names.filter((name) => !name.startsWith('.')).sort();
}

/** The agents whose contributions are stored, sorted. */
export async function listContributed(paths: RoundPaths): Promise<string[]> {
  return (await readdir(paths.contributions)).sort();
}

/** The files of an agent's stored contribution, or undefined when there is none. */
export async function readContributedFiles(
  paths: RoundPaths,
  agent: string,
): Promise<FolderFile[] | undefined> {
  const folder = join(paths.contributions, agent);
  return (await exists(folder)) ? readContributionFiles(folder) : undefined;
}

/** The files of a contribution, as it lists them, and its list. */
export async function readContributionFiles(folder: string): Promise<FolderFile[]> {
  const { files } = await readManifest(folder);
  const own = join(folder, manifestFile);
  return [
    ...Object.entries(files).map(([name, { bytes, sha256 }]) => ({ name, size: bytes, sha256 })),
    { name: manifestFile, size: (await stat(own)).size, sha256: await sha256OfFile(own) },
  ];
}

/** Whether the fused model is there. */
export async function isMerged(paths: RoundPaths): Promise<boolean> {
  return exists(paths.merged);
}

/** Why the merge failed, or undefined. */
export async function readFailure(paths: RoundPaths): Promise<string | undefined> {
  if (!(await exists(paths.failure))) return undefined;
  return failureRecord.parse(JSON.parse(await readFile(paths.failure, 'utf8'))).reason;
}

/** Records that the merge failed. */
export async function writeFailure(paths: RoundPaths, reason: string): Promise<void> {
  await writeJsonAtomically(paths.failure, { reason, at: new Date().toISOString() });
}

/**
 * Makes a checked upload the agent's contribution. A former one is moved aside first and removed
 * afterwards; `openRound` puts it back when the merger was killed in between.
 */
export async function storeContribution(paths: RoundPaths, agent: string): Promise<void> {
  const target = join(paths.contributions, agent);
  const aside = join(paths.replaced, agent);
  const replacing = await exists(target);
  if (replacing) await rename(target, aside);
  await rename(filesFolder(join(paths.incoming, agent)), target);
  await syncFolder(paths.contributions);
  await rm(join(paths.incoming, agent), { recursive: true, force: true });
  if (replacing) await rm(aside, { recursive: true, force: true });
}

async function createRound(
  paths: RoundPaths,
  recipe: Recipe,
  fingerprintOf: (dir: string) => Promise<string>,
): Promise<void> {
  const fingerprint = await fingerprintOf(recipe.base);
  const files = await listFolderFiles(recipe.base);
  await writeFolderAtomically(paths.dir, async (temporary) => {
    const base = join(temporary, 'base');
    await mkdir(base);
    for (const { name } of files) {
      await copyFile(join(recipe.base, name), join(base, name), constants.COPYFILE_FICLONE);
    }
    await copySideFiles(recipe.base, base, await localSideFilesOf(recipe.base));
    for (const folder of ['incoming', 'contributions', 'replaced']) await mkdir(join(temporary, folder));
    await writeAllAtomically(join(temporary, 'recipe.yaml'), formatRecipe(recipe));
    await writeJsonAtomically(join(temporary, 'round.json'), {
      format: 'regmean-round/1',
      createdAt: new Date().toISOString(),
      base: { fingerprint, fingerprintFormat, files },
    });
  });
}

/**
 * Refuses an unfinished round of a version that identified bases in another way: no agent of this
 * version could contribute to it.
 */
async function requireOwnFingerprint(
  { paths, recipe, base }: StoredRound,
  fingerprintOf: (dir: string) => Promise<string>,
): Promise<void> {
  if (base.fingerprintFormat === fingerprintFormat || (await isMerged(paths))) return;
  const fingerprint = await fingerprintOf(paths.base);
  if (fingerprint === base.fingerprint) return;
  throw new RegmeanError(
    'unsupported',
    `${paths.record}: base fingerprint must be ${fingerprint}, got ${base.fingerprint}`,
    {
      hint:
        `the round ${recipe.name} was begun by another version of regmean, which identifies bases in ` +
        'another way: finish it with that version, or give the recipe another name',
    },
  );
}

async function finishReplacements(paths: RoundPaths): Promise<void> {
  for (const agent of await readdir(paths.replaced)) {
    const aside = join(paths.replaced, agent);
    const target = join(paths.contributions, agent);
    if (await exists(target)) await rm(aside, { recursive: true, force: true });
    else await rename(aside, target);
  }
}

async function requireCompatible(stored: StoredRound, recipe: Recipe): Promise<void> {
  const fixed = ['base', 'task', 'labels', 'headSeed', 'data', 'training', 'statistics'] as const;
  const remedy = { hint: 'give the recipe another name to begin a new round' };
  for (const key of fixed) {
    if (JSON.stringify(stored.recipe[key]) === JSON.stringify(recipe[key])) continue;
    throw new RegmeanError(
      'usage',
      `recipe: ${key}: it cannot change, the round ${recipe.name} has begun`,
      remedy,
    );
  }
  if (await isMerged(stored.paths)) {
    throw new RegmeanError('usage', `recipe: the round ${recipe.name} is merged and cannot change`, {
      hint: 'merge the stored contributions in another way with: regmean merger merge',
    });
  }
  const missing = (await listContributed(stored.paths)).find((agent) => !recipe.agents.includes(agent));
  if (missing !== undefined) {
    throw new RegmeanError(
      'usage',
      `recipe: agents: must hold ${missing}, which has contributed already`,
      remedy,
    );
  }
}
