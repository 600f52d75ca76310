/** @file What is known of a contribution's network from its manifest or its configuration. */

import { labelsOf } from '../models/labels.ts';
import type { LayerIndex } from '../models/layer-index.ts';
import type { TaskKind } from '../task.ts';
import type { Contribution } from './open-contribution.ts';

/** The task of a contribution; of a folder made elsewhere, that of the class in config.json. */
export function taskOf({ manifest, model }: Pick<Contribution, 'manifest' | 'model'>): TaskKind {
  return manifest?.task ?? model.task ?? 'text-classification';
}

/**
 * The linear layers of a contribution's model; null for a model family that is not known, whose
 * layers only a Gram file can tell.
 *
 * @throws RegmeanError when config.json or the graph beside it cannot be read
 */
export function contributionLayers(
  contribution: Pick<Contribution, 'manifest' | 'model'>,
): Promise<LayerIndex | null> {
  const { manifest, model } = contribution;
  const task = taskOf(contribution);
  return model.linearLayers(task, manifest?.labels ?? labelsOf(model.config.json, task, model.folder));
}
