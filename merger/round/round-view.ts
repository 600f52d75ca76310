/** @file A round as it looks from outside, read from its files. */
import { join } from 'node:path';
import { totalBytes } from '../../shared/wire/folder-files.ts';
import { deadlineOf, quorumOf } from '../recipe/recipe.ts';
import { inspectUpload } from './incoming-upload.ts';
import { readRefinements } from './refinement-store.ts';
import type { RoundPaths } from './round-paths.ts';
import { type RoundFacts, type RoundStanding, standingOf } from './round-state.ts';
import {
  isMerged,
  listContributed,
  readContributedFiles,
  readFailure,
  type StoredRound,
} from './round-store.ts';
import { readScoring } from './scoring-store.ts';

/** How far one agent has come. */
export interface AgentView {
  readonly name: string;
  readonly state: 'awaited' | 'uploading' | 'validating' | 'accepted';
  readonly bytesReceived: number;
  readonly bytesTotal: number;
  /** Whether its scores of the candidates are there. */
  readonly hasScored: boolean;
  /** Whether what it was last asked for again is there. */
  readonly hasRefined: boolean;
}

/** The agents that have answered what they are asked after their contributions. */
export interface Heard {
  /** That have scored the candidates. */
  readonly scored: readonly string[];
  /** That have sent what they were last asked for again. */
  readonly refined: readonly string[];
}

/** Who has answered, by what the files say. */
export function heardOf({ scoring, refinements }: Pick<RoundFacts, 'scoring' | 'refinements'>): Heard {
  const last = refinements.findLast(({ asked }) => asked !== undefined);
  return { scored: scoring?.scored ?? [], refined: last?.asked?.refined ?? [] };
}

/** Where a stored round stands now. */
export async function readStanding({ paths, recipe }: StoredRound): Promise<RoundStanding> {
  return standingOf({
    agents: recipe.agents,
    contributed: await listContributed(paths),
    quorum: quorumOf(recipe),
    deadline: deadlineOf(recipe),
    now: Date.now(),
    merged: await isMerged(paths),
    scoring: await readScoring(paths),
    refinements: await readRefinements(paths, recipe),
    mergeFailure: await readFailure(paths),
  });
}

/** How far one agent has come; that its upload is being checked is not in the files. */
export async function readAgent(
  paths: RoundPaths,
  name: string,
  { scored, refined }: Heard,
): Promise<AgentView> {
  const stored = await readContributedFiles(paths, name);
  if (stored !== undefined) {
    const bytes = totalBytes(stored);
    const heard = { hasScored: scored.includes(name), hasRefined: refined.includes(name) };
    return { name, state: 'accepted', bytesReceived: bytes, bytesTotal: bytes, ...heard };
  }
  const partial = await inspectUpload(join(paths.incoming, name));
  const { received, total } = partial ?? { received: 0, total: 0 };
  const state = partial === undefined ? 'awaited' : 'uploading';
  const heard = { hasScored: false, hasRefined: false };
  return { name, state, bytesReceived: received, bytesTotal: total, ...heard };
}
