/** @file Worker thread that merges a round, so that the service keeps answering. */
import type { Compute } from '../../shared/runtime/compute.ts';
import { createRunContext } from '../../shared/runtime/run-context.ts';
import { mergeRound } from '../round/merge-round.ts';
import type { StoredRound } from '../round/round-store.ts';
import { serveWorker } from './run-in-worker.ts';

/** What is merged: the stored contributions of these agents. */
export interface MergeInput {
  readonly round: StoredRound;
  readonly agents: readonly string[];
  readonly compute: Compute;
}

/** How far a merge has come. */
export interface MergePosition {
  readonly step: string;
  readonly done: number;
  readonly total: number;
}

serveWorker(async ({ round, agents, compute }: MergeInput, onProgress: (step: MergePosition) => void) => {
  const context = createRunContext({
    compute,
    onProgress: ({ remark = '', done, total }) => onProgress({ step: remark, done, total }),
  });
  await mergeRound(round, { agents, out: round.paths.merged }, context);
});
