/** @file Merges stored contributions of a round by its recipe, or by another. */
import { RegmeanError } from '../../shared/errors.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { isAuto } from '../auto/auto-options.ts';
import { mergeAuto } from '../auto/merge-auto.ts';
import { mergeContributions } from '../merge/merge-contributions.ts';
import type { MergeReport } from '../merge/merge-report.ts';
import type { MergeChoice } from '../recipe/merge-section.ts';
import { type Refinement, refinementsOf } from '../recipe/recipe.ts';
import { latestContribution } from './refinement-store.ts';
import type { StoredRound } from './round-store.ts';
import { readGivenScores } from './scoring-store.ts';

/** What a merge of a round takes. */
export interface MergeRoundOptions {
  /** Whose contributions are merged; they must be stored. */
  readonly agents: readonly string[];
  /** The folder to make. */
  readonly out: string;
  /** How to merge; the recipe's way when absent. */
  readonly merge?: MergeChoice;
  /**
   * What was asked for again and counts, in the order in which it was; all of it when absent, if
   * the way to merge is one that asks for it.
   */
  readonly refinements?: readonly Refinement[];
}

/**
 * Merges stored contributions of a round into a model folder. The order of the agents is the
 * recipe's, so that the result does not depend on who came first. Where one of several candidates
 * is to be chosen, scores that agents sent choose if they are of these candidates.
 *
 * @throws RegmeanError when an agent is not one of the round, or the merge cannot be done
 */
export async function mergeRound(
  { paths, recipe }: StoredRound,
  { agents, out, merge = recipe.merge, refinements }: MergeRoundOptions,
  context: RunContext,
): Promise<MergeReport> {
  const stranger = agents.find((agent) => !recipe.agents.includes(agent));
  if (stranger !== undefined) {
    throw new RegmeanError(
      'usage',
      `${stranger}: must be one of the round's agents (${recipe.agents.join(', ')})`,
    );
  }
  const ordered = recipe.agents.filter((agent) => agents.includes(agent));
  const { coefficients } = merge;
  const counting = refinements ?? (isAuto(merge) ? [] : refinementsOf({ merge }));
  const folders: string[] = [];
  for (const agent of ordered) folders.push(await latestContribution(paths, agent, counting));
  const circumstances = {
    // A list goes by the agents as they were named.
    coefficients:
      Array.isArray(coefficients) && coefficients.length === agents.length
        ? ordered.map((agent) => coefficients[agents.indexOf(agent)] as number)
        : coefficients,
    out,
    base: paths.base,
  };
  if (isAuto(merge)) {
    const stored = await readGivenScores(paths);
    return mergeAuto(folders, { ...merge, ...circumstances }, { stored }, context);
  }
  const { rounds: _, ridgeHead: __, ...options } = merge;
  return mergeContributions(folders, { ...options, ...circumstances }, context);
}
