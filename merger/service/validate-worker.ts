/**
 * @file Worker thread that checks one contribution: reading and testing every value takes seconds.
 */
import { validateContribution } from '../../shared/contribution/validate-contribution.ts';
import { messageOf, RegmeanError } from '../../shared/errors.ts';
import type { Refinement } from '../recipe/recipe.ts';
import { expectationsOf } from '../round/expectations.ts';
import type { StoredRound } from '../round/round-store.ts';
import { serveWorker } from './run-in-worker.ts';

/** What is checked: an agent's folder, against its round. */
export interface ValidateInput {
  readonly round: StoredRound;
  readonly folder: string;
  readonly agent: string;
  /** What of it is new, where the agent was asked again. */
  readonly wanted?: Refinement | undefined;
}

serveWorker(async ({ round, folder, agent, wanted }: ValidateInput) => {
  const expectations = await expectationsOf(round, agent, wanted);
  try {
    await validateContribution(folder, expectations);
  } catch (error) {
    if (!(error instanceof RegmeanError)) throw error;
    // The merger's own paths mean nothing to the agent.
    const message = messageOf(error).replaceAll(`${folder}/`, '').replaceAll(folder, 'model');
    throw new RegmeanError('refused', `contribution of ${agent}: ${message}`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
});
