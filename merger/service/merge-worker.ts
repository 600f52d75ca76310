/** @file Worker thread that merges a round, so that the service keeps answering. */
import { mergeRound } from '../round/merge-round.ts';
import type { StoredRound } from '../round/round-store.ts';
import { serveWorker } from './run-in-worker.ts';

/** What is merged: the stored contributions of these agents. */
export interface MergeInput {
  readonly round: StoredRound;
  readonly agents: readonly string[];
}

/** How far a merge has come. */
export interface MergeStep {
  readonly step: string;
  readonly done: number;
  readonly total: number;
}

serveWorker(async ({ round, agents }: MergeInput, onProgress: (step: MergeStep) => void) => {
  await mergeRound(round, { agents, out: round.paths.merged, onProgress });
});
