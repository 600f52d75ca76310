/**
 * @file Worker thread that merges a round, or makes its candidates, so that the service keeps
 *   answering.
 */
import type { Compute } from '../../shared/runtime/compute.ts';
import { createRunContext } from '../../shared/runtime/run-context.ts';
import { isAuto } from '../auto/auto-options.ts';
import { type Refinement, refinementsOf } from '../recipe/recipe.ts';
import { makeRoundCandidates, takeBestCandidate } from '../round/candidate-merge.ts';
import { fitRoundHead } from '../round/fit-round-head.ts';
import { mergeRound } from '../round/merge-round.ts';
import { refinementPaths } from '../round/refinement-store.ts';
import type { StoredRound } from '../round/round-store.ts';
import { serveWorker } from './run-in-worker.ts';

/** What is merged: the stored contributions of these agents. */
export interface MergeInput {
  /** The fused model, what it is chosen from, or the merge that agents are asked again about. */
  readonly result: 'fused' | 'candidates' | { readonly wanted: Refinement };
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

serveWorker(
  async ({ result, round, agents, compute }: MergeInput, onProgress: (step: MergePosition) => void) => {
    const context = createRunContext({
      compute,
      onProgress: ({ remark = '', done, total }) => onProgress({ step: remark, done, total }),
    });
    const { recipe, paths } = round;
    const { merge } = recipe;
    if (typeof result !== 'string') {
      const order = refinementsOf(recipe);
      const refinements = order.slice(0, order.indexOf(result.wanted));
      const { model: out } = refinementPaths(paths, result.wanted);
      await mergeRound(round, { agents, out, refinements }, context);
      return;
    }
    if (refinementsOf(recipe).includes('head')) {
      await fitRoundHead(round, context);
      return;
    }
    if (!isAuto(merge)) {
      await mergeRound(round, { agents, out: paths.merged }, context);
      return;
    }
    const ordered = recipe.agents.filter((agent) => agents.includes(agent));
    const choice = { paths, agents: ordered, merge };
    if (result === 'candidates') await makeRoundCandidates(choice, context);
    else await takeBestCandidate(choice);
  },
);
