/** @file Merges stored contributions of a round by its recipe, or by another. */
import { join } from 'node:path';
import { RegmeanError } from '../../shared/errors.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { mergeContributions } from '../merge/merge-contributions.ts';
import type { MergeReport } from '../merge/merge-report.ts';
import type { Recipe } from '../recipe/recipe.ts';
import type { StoredRound } from './round-store.ts';

/** What a merge of a round takes. */
export interface MergeRoundOptions {
  /** Whose contributions are merged; they must be stored. */
  readonly agents: readonly string[];
  /** The folder to make. */
  readonly out: string;
  /** How to merge; the recipe's way when absent. */
  readonly merge?: Recipe['merge'];
}

/**
 * Merges stored contributions of a round into a model folder. The order of the agents is the
 * recipe's, so that the result does not depend on who came first.
 *
 * @throws RegmeanError when an agent is not one of the round, or the merge cannot be done
 */
export async function mergeRound(
  { paths, recipe }: StoredRound,
  { agents, out, merge = recipe.merge }: MergeRoundOptions,
  context: RunContext,
): Promise<MergeReport> {
  const stranger = agents.find((agent) => !recipe.agents.includes(agent));
  if (stranger !== undefined) {
    throw new RegmeanError(
      'usage',
      `${stranger}: expected one of the round's agents (${recipe.agents.join(', ')})`,
    );
  }
  const ordered = recipe.agents.filter((agent) => agents.includes(agent));
  const { coefficients, ...options } = merge;
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return mergeContributions(
    ordered.map((agent) => join(paths.contributions, agent)),
    {
      ...given,
      method: options.method,
      out,
      base: paths.base,
      ...(coefficients === undefined
        ? {}
        : { coefficients: ordered.map((agent) => coefficients[agent] ?? 1) }),
    },
    context,
  );
}
