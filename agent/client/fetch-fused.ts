import { RegmeanError } from '../../shared/errors.ts';
import type { MergerConnection } from '../../shared/wire/connection.ts';
import { getRound } from '../../shared/wire/get-round.ts';
import { type FetchFolderOptions, type FetchFolderResult, fetchFolder } from './fetch-folder.ts';

/**
 * Fetches the fused model of a merged round; where heads were kept apart, the one with the head of
 * `agent`, or without a head when no agent is named.
 *
 * @throws RegmeanError when the round is not merged, or the merger cannot be reached
 */
export async function fetchFused(
  connection: MergerConnection,
  { agent, ...options }: Omit<FetchFolderOptions, 'what' | 'files' | 'verify'>,
): Promise<FetchFolderResult> {
  const { name, state, fusedFiles, agentModels } = await getRound(connection, options);
  if (state !== 'ROUND_STATE_MERGED') {
    throw new RegmeanError('refused', `round ${name}: must be merged before its model is fetched`, {
      hint: 'pass --wait to wait for it',
    });
  }
  const own = agentModels.find((model) => model.agent === agent);
  if (own !== undefined) return fetchFolder(connection, { ...options, what: 'fused', ...own });
  return fetchFolder(connection, { ...options, what: 'fused', files: fusedFiles });
}
