import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';

/** A model that is compared with others, and whose it is. */
export type ComparedModel = Pick<Contribution, 'agent' | 'model'>;

/**
 * Checks that all contributions are models of one kind and one network: weights of the same names
 * and shapes mean the same only there.
 *
 * @throws RegmeanError `invalid-input` naming two agents and what differs
 */
export async function requireOneNetwork([first, ...others]: readonly ComparedModel[]): Promise<void> {
  if (first === undefined) return;
  for (const other of others) {
    if (first.model.kind === other.model.kind) continue;
    throw new RegmeanError(
      'invalid-input',
      `kinds of models: must be the same, ${first.agent} has ${first.model.kind}, ${other.agent} has ${other.model.kind}`,
      { hint: 'weights can be merged only where all agents fine-tuned the same base' },
    );
  }
  for (const other of others) {
    const difference = await first.model.differenceFrom(other.model);
    if (difference === null) continue;
    throw new RegmeanError(
      'invalid-input',
      `networks: must be the same, ${first.agent} and ${other.agent} differ in ${difference}`,
      { hint: 'weights can be merged only where all agents fine-tuned the same base' },
    );
  }
}
