/** @file The models that candidates are, where one says which models to score. */
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { headFolder, headsFolder } from '../wire/agent-models.ts';
import type { ScoredCandidate } from './candidate-scores.ts';
import { candidateSetFile, readCandidateSet } from './candidate-set.ts';

/** A model to score. */
export interface ModelToScore {
  readonly path: string;
  /** Where the model is one of a set of candidates. */
  readonly candidate?: ScoredCandidate;
}

/**
 * The models of paths: a folder of candidates stands for all of them, in their order, and its list
 * for nothing, so that `shared` and all that lies in it mean the same.
 *
 * @param agent whose heads are meant, where candidates have one for each agent
 * @throws RegmeanError `usage` without an agent there
 */
export async function modelsToScore(
  paths: readonly string[],
  agent: string | undefined,
): Promise<readonly ModelToScore[]> {
  const models: ModelToScore[] = [];
  for (const path of paths) {
    if (basename(path) === candidateSetFile) continue;
    if (await holdsCandidates(path)) {
      for (const { name } of (await readCandidateSet(path)).candidates) {
        models.push(await modelAt(join(path, name), agent));
      }
    } else models.push(await modelAt(path, agent));
  }
  return models;
}

async function modelAt(path: string, agent: string | undefined): Promise<ModelToScore> {
  const set = dirname(resolve(path));
  if (!(await holdsCandidates(set))) return { path };
  const { digest, candidates } = await readCandidateSet(set);
  const name = basename(resolve(path));
  if (!candidates.some((own) => own.name === name)) return { path };
  const candidate = { name, set: digest };
  const names = (await listFolder(path)) ?? [];
  if (!names.includes(headsFolder)) return { path, candidate };
  if (agent === undefined) {
    throw new RegmeanError('usage', `${path}: every agent has a head of its own, say whose with --agent`);
  }
  return { path: join(path, headFolder(agent)), candidate };
}

async function holdsCandidates(path: string): Promise<boolean> {
  const found = await stat(join(path, candidateSetFile)).catch(() => undefined);
  return found?.isFile() ?? false;
}
