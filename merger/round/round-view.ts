/** @file A round as it looks from outside, read from its files. */
import { join } from 'node:path';
import { totalBytes } from '../../shared/wire/folder-files.ts';
import { deadlineOf, quorumOf } from '../recipe/recipe.ts';
import { inspectUpload } from './incoming-upload.ts';
import { type RoundStanding, standingOf } from './round-state.ts';
import {
  isMerged,
  listContributed,
  type RoundPaths,
  readContributedFiles,
  readFailure,
  type StoredRound,
} from './round-store.ts';

/** How far one agent has come. */
export interface AgentView {
  readonly name: string;
  readonly state: 'awaited' | 'uploading' | 'validating' | 'accepted';
  readonly bytesReceived: number;
  readonly bytesTotal: number;
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
    mergeFailure: await readFailure(paths),
  });
}

/** How far one agent has come; that its upload is being checked is not in the files. */
export async function readAgent(paths: RoundPaths, name: string): Promise<AgentView> {
  const stored = await readContributedFiles(paths, name);
  if (stored !== undefined) {
    const bytes = totalBytes(stored);
    return { name, state: 'accepted', bytesReceived: bytes, bytesTotal: bytes };
  }
  const partial = await inspectUpload(join(paths.incoming, name));
  if (partial === undefined) return { name, state: 'awaited', bytesReceived: 0, bytesTotal: 0 };
  return { name, state: 'uploading', bytesReceived: partial.received, bytesTotal: partial.total };
}
