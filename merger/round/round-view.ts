/** @file A round as it looks from outside, read from its files. */
import { join } from 'node:path';
import { totalBytes } from '../../shared/wire/folder-files.ts';
import { deadlineOf, quorumOf } from '../recipe/recipe.ts';
import { inspectUpload } from './incoming-upload.ts';
import type { RoundPaths } from './round-paths.ts';
import { type RoundStanding, standingOf } from './round-state.ts';
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
    mergeFailure: await readFailure(paths),
  });
}

/**
 * How far one agent has come; that its upload is being checked is not in the files.
 *
 * @param scored the agents that have scored the candidates
 */
export async function readAgent(
  paths: RoundPaths,
  name: string,
  scored: readonly string[],
): Promise<AgentView> {
  const stored = await readContributedFiles(paths, name);
  if (stored !== undefined) {
    const bytes = totalBytes(stored);
    const hasScored = scored.includes(name);
    return { name, state: 'accepted', bytesReceived: bytes, bytesTotal: bytes, hasScored };
  }
  const partial = await inspectUpload(join(paths.incoming, name));
  const { received, total } = partial ?? { received: 0, total: 0 };
  const state = partial === undefined ? 'awaited' : 'uploading';
  return { name, state, bytesReceived: received, bytesTotal: total, hasScored: false };
}
