/**
 * @file Worker thread that checks one contribution: reading and testing every value takes seconds.
 */
import { validateAdapter } from '../../shared/adapters/validate-adapter.ts';
import type { ContributionManifest } from '../../shared/contribution/manifest.ts';
import { validateContribution } from '../../shared/contribution/validate-contribution.ts';
import { messageOf, RegmeanError } from '../../shared/errors.ts';
import type { Refinement } from '../recipe/recipe.ts';
import { adapterExpectationsOf, checkHead, expectationsOf } from '../round/expectations.ts';
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

/** The checks of a whole model. What the base cannot tell is the merger's own fault. */
async function wholeModelChecks(
  round: StoredRound,
  folder: string,
  agent: string,
  wanted: Refinement | undefined,
): Promise<() => Promise<ContributionManifest>> {
  const expectations = await expectationsOf(round, agent, wanted);
  return () => validateContribution(folder, expectations);
}

serveWorker(async ({ round, folder, agent, wanted }: ValidateInput) => {
  const { lora } = round.recipe.training;
  const validate =
    lora === undefined
      ? await wholeModelChecks(round, folder, agent, wanted)
      : () => validateAdapter(folder, adapterExpectationsOf(round, agent, lora));
  try {
    await validate();
    if (wanted === 'head') await checkHead(round, agent, folder);
  } catch (error) {
    if (!(error instanceof RegmeanError)) throw error;
    // The merger's own paths mean nothing to the agent.
    const message = messageOf(error).replaceAll(`${folder}/`, '').replaceAll(folder, 'model');
    throw new RegmeanError('refused', `contribution of ${agent}: ${message}`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
});
