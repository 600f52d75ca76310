/** @file The fused model of a round whose head is fitted to the data of all agents. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { headFile } from '../../shared/contribution/head-statistics.ts';
import { listFolder, writeFolderAtomically } from '../../shared/files/atomic-folder.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { ridgeDefaults } from '../heads/ridge-head.ts';
import { fitHead } from '../merge/fit-head.ts';
import { refinementPaths } from './refinement-store.ts';
import type { StoredRound } from './round-store.ts';

/**
 * Makes the interim merge the round's fused model, with a head that is fitted to the sums of the
 * agents that sent theirs; where none did, with the merged head.
 */
export async function fitRoundHead({ paths, recipe }: StoredRound, context: RunContext): Promise<void> {
  const { model, contributions } = refinementPaths(paths, 'head');
  const answered = (await listFolder(contributions)) ?? [];
  const agents = recipe.agents.filter((agent) => answered.includes(agent));
  if (agents.length === 0) {
    await writeFolderAtomically(paths.merged, (folder) => cp(model, folder, { recursive: true }));
    return;
  }
  const { ridgeHead = ridgeDefaults.ridge } = 'ridgeHead' in recipe.merge ? recipe.merge : {};
  const statistics = agents.map((agent) => join(contributions, agent, headFile));
  await fitHead({ model, statistics, out: paths.merged, ridge: ridgeHead }, context);
}
