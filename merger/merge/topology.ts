import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { layersModelType, openLayersModel, topologyText } from '../../shared/tensorflow/layers-model.ts';

/**
 * Checks that TensorFlow.js models have one topology: weights of the same names and shapes mean the
 * same only there.
 *
 * @throws RegmeanError `invalid-input` naming the agents that differ
 */
export async function requireSameTopology(contributions: readonly Contribution[]): Promise<void> {
  const first = contributions[0] as Contribution;
  if (first.config.model_type !== layersModelType) return;
  const expected = topologyText(await openLayersModel(first.folder));
  for (const { agent, folder } of contributions.slice(1)) {
    if (topologyText(await openLayersModel(folder)) === expected) continue;
    throw new RegmeanError(
      'invalid-input',
      `${agent}: model.json must have the topology of ${first.agent}'s, has another`,
      { hint: 'fine-tune from the same model.json' },
    );
  }
}
