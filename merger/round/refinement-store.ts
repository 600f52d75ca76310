/**
 * @file What agents of a round are asked for again, about a merge of what they sent, as plain files
 *   of the round's folder (see round-store.ts):
 *
 *     refinements/<wanted>/
 *       model/                   the interim merge; it comes here by one rename
 *       until.json               until when agents are awaited; there from when the model is
 *       contributions/<agent>/   an agent's contribution with what was wanted, by one rename
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listFolder } from '../../shared/files/atomic-folder.ts';
import { syncFolder } from '../../shared/files/atomic-write.ts';
import type { Recipe, Refinement } from '../recipe/recipe.ts';
import { refinementsOf } from '../recipe/recipe.ts';
import { filesFolder } from './incoming-upload.ts';
import type { RoundPaths } from './round-paths.ts';
import { readUntil, writeUntil } from './until-record.ts';

/** Where the parts of a refinement lie. */
export interface RefinementPaths {
  readonly model: string;
  readonly until: string;
  readonly contributions: string;
}

/** Where agents of a round stand with one refinement. */
export interface RefinementFacts {
  readonly wanted: Refinement;
  /** Absent before agents are asked. */
  readonly asked:
    | {
        /** When waiting ends, in milliseconds since 1970. */
        readonly until: number;
        /** The agents that have sent what is wanted, sorted. */
        readonly refined: readonly string[];
      }
    | undefined;
}

/** Where the parts of a refinement lie. */
export function refinementPaths({ refinements }: RoundPaths, wanted: Refinement): RefinementPaths {
  const dir = join(refinements, wanted);
  return {
    model: join(dir, 'model'),
    until: join(dir, 'until.json'),
    contributions: join(dir, 'contributions'),
  };
}

/** What the files say of every refinement of a recipe, in their order. */
export function readRefinements(paths: RoundPaths, recipe: Recipe): Promise<readonly RefinementFacts[]> {
  return Promise.all(
    refinementsOf(recipe).map(async (wanted) => ({ wanted, asked: await readAsked(paths, wanted) })),
  );
}

async function readAsked(paths: RoundPaths, wanted: Refinement): Promise<RefinementFacts['asked']> {
  const own = refinementPaths(paths, wanted);
  if (!((await listFolder(join(paths.refinements, wanted))) ?? []).includes('until.json')) return undefined;
  return { until: await readUntil(own.until), refined: (await readdir(own.contributions)).sort() };
}

/** Records that the interim merge is there, and agents are asked. */
export async function beginRefinement(paths: RoundPaths, wanted: Refinement, until: number): Promise<void> {
  const own = refinementPaths(paths, wanted);
  await mkdir(own.contributions, { recursive: true });
  await writeUntil(own.until, until);
}

/** Stores a checked upload as what was wanted of its agent. */
export async function storeRefinement(paths: RoundPaths, wanted: Refinement, agent: string): Promise<void> {
  const { contributions } = refinementPaths(paths, wanted);
  const upload = join(paths.incoming, agent);
  await rename(filesFolder(upload), join(contributions, agent));
  await syncFolder(contributions);
  await rm(upload, { recursive: true, force: true });
}

/** Forgets all of it: the round is to be merged in another way. */
export async function forgetRefinements(paths: RoundPaths): Promise<void> {
  await rm(paths.refinements, { recursive: true, force: true });
}

/** Removes the interim merges; each is as large as the fused model. */
export async function removeInterimModels(paths: RoundPaths, recipe: Recipe): Promise<void> {
  for (const wanted of refinementsOf(recipe)) {
    await rm(refinementPaths(paths, wanted).model, { recursive: true, force: true });
  }
}

/**
 * The folder of what an agent sent last.
 *
 * @param refinements those that count, in the order in which agents were asked
 */
export async function latestContribution(
  paths: RoundPaths,
  agent: string,
  refinements: readonly Refinement[],
): Promise<string> {
  for (const wanted of [...refinements].reverse()) {
    const { contributions } = refinementPaths(paths, wanted);
    if (((await listFolder(contributions)) ?? []).includes(agent)) return join(contributions, agent);
  }
  return join(paths.contributions, agent);
}
