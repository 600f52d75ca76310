import { RegmeanError } from '../../shared/errors.ts';
import { listAgentModels } from '../../shared/wire/agent-models.ts';
import { listFolderFiles } from '../../shared/wire/folder-files.ts';
import type { RoundInfo } from '../../shared/wire/get-round.ts';
import { readRefinements, refinementPaths } from '../round/refinement-store.ts';
import { listRounds, readRound } from '../round/round-store.ts';
import { heardOf, readAgent, readStanding } from '../round/round-view.ts';
import { readScoring } from '../round/scoring-store.ts';
import { describeCandidates } from './candidates-on-wire.ts';
import { type ModelOnWire, roundMessage } from './round-message.ts';

/**
 * A round of a store as it stands, whether or not a merger serves it.
 *
 * @param name which round; may be left out when the store holds one
 * @throws RegmeanError when there is no such round
 */
export async function readStoredStatus(store: string, name: string | undefined): Promise<RoundInfo> {
  const round = await readRound(store, name ?? (await onlyRound(store)));
  const standing = await readStanding(round);
  const heard = heardOf({
    scoring: await readScoring(round.paths),
    refinements: await readRefinements(round.paths, round.recipe),
  });
  const fused = standing.state === 'merged' ? await describeModel(round.paths.merged) : undefined;
  return roundMessage({
    round,
    standing,
    agents: await Promise.all(round.recipe.agents.map((agent) => readAgent(round.paths, agent, heard))),
    fusedFiles: fused?.files ?? [],
    agentModels: fused?.agentModels ?? [],
    ...(standing.wanted === undefined
      ? {}
      : { interim: await describeModel(refinementPaths(round.paths, standing.wanted).model) }),
    ...(standing.state === 'scoring' ? { candidates: await describeCandidates(round.paths.candidates) } : {}),
  });
}

/** A merged model of a store, as it travels. */
export async function describeModel(folder: string): Promise<ModelOnWire> {
  return { files: await listFolderFiles(folder), agentModels: await listAgentModels(folder) };
}

/**
 * The name of the store's only round.
 *
 * @throws RegmeanError when it holds none or several
 */
export async function onlyRound(store: string): Promise<string> {
  const names = await listRounds(store);
  const [name] = names;
  if (name !== undefined && names.length === 1) return name;
  const found = names.length === 0 ? 'it holds none' : `it holds ${names.join(', ')}`;
  throw new RegmeanError('usage', `${store}: must hold one round, ${found}`, {
    hint: 'name the round with --round',
  });
}
