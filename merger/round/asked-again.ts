/** @file An agent that is asked again about a merge of what the agents sent. */
import { RegmeanError } from '../../shared/errors.ts';
import { digestOfFiles } from '../../shared/wire/folder-files.ts';
import { type Refinement, refinementsOf } from '../recipe/recipe.ts';
import type { PresentFiles } from './incoming-upload.ts';
import { latestContribution, refinementPaths } from './refinement-store.ts';
import { readContributionFiles, type StoredRound } from './round-store.ts';

/** What an agent that is asked again has sent before, and what it is asked for. */
export interface SentBefore extends PresentFiles {
  readonly agent: string;
  readonly wanted: Refinement;
}

/** Who is asked, and for what. */
export interface AskedAgent {
  readonly agent: string;
  readonly wanted: Refinement;
  /** The agents that have contributed. */
  readonly contributed: readonly string[];
}

/** @throws RegmeanError `refused` when an agent has contributed nothing to a closed round */
export function requireContributed(agent: string, contributed: readonly string[]): void {
  if (contributed.includes(agent)) return;
  const got = `${agent}: must be an agent that has contributed (${contributed.join(', ')})`;
  throw new RegmeanError('refused', got);
}

/**
 * What an agent that is asked again has sent before.
 *
 * @throws RegmeanError `refused` when it has contributed nothing
 */
export async function sentBefore(
  { paths, recipe }: StoredRound,
  { agent, wanted, contributed }: AskedAgent,
): Promise<SentBefore> {
  requireContributed(agent, contributed);
  const order = refinementsOf(recipe);
  const folder = await latestContribution(paths, agent, order.slice(0, order.indexOf(wanted)));
  return { agent, wanted, folder, files: await readContributionFiles(folder) };
}

/**
 * Whether an agent sends what is there: its answer, or what it sent before.
 *
 * @param digest of what it sends
 * @throws RegmeanError `refused` when another answer is there
 */
export async function isAnswered(
  { paths }: StoredRound,
  { agent, wanted, files }: SentBefore,
  digest: string,
): Promise<boolean> {
  if (digestOfFiles(files) === digest) return true;
  const folder = await latestContribution(paths, agent, [wanted]);
  if (!folder.startsWith(refinementPaths(paths, wanted).contributions)) return false;
  if (digestOfFiles(await readContributionFiles(folder)) === digest) return true;
  throw new RegmeanError('refused', `${agent}: what it was asked for again is stored already`);
}
