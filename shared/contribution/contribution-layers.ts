/** @file What is known of a contribution's network from its manifest or its configuration. */

import { classesInConfig } from '../models/classes.ts';
import type { LayerIndex } from '../models/layer-index.ts';
import type { NormLayer } from '../models/norm-layers.ts';
import type { TaskKind } from '../task.ts';
import type { Contribution } from './open-contribution.ts';

type Described = Pick<Contribution, 'manifest' | 'model'>;

/** The task of a contribution; of a folder made elsewhere, that of the class in config.json. */
export function contributionTask({ manifest, model }: Described): TaskKind {
  return manifest?.task ?? model.task ?? 'text-classification';
}

/** Names of classes, in the order of the head's outputs. */
function classesFor({ manifest, model }: Described, task: TaskKind): readonly string[] {
  return manifest?.labels ?? classesInConfig(model.config.json, task, model.folder);
}

/**
 * Names of the parameters of a contribution's class, in the order of the network; null where only
 * its files tell them.
 */
export function classParameters(contribution: Described): ReadonlySet<string> | null {
  const { manifest, model } = contribution;
  const task = manifest?.task ?? model.task;
  const declared = task === null ? null : model.parametersFor(task, classesFor(contribution, task));
  return declared === null ? null : new Set(declared.keys());
}

/**
 * The linear layers of a contribution's model; null for a model family that is not known, whose
 * layers only a Gram file can tell.
 *
 * @throws RegmeanError when config.json or the graph beside it cannot be read
 */
export function contributionLayers(contribution: Described): Promise<LayerIndex | null> {
  const task = contributionTask(contribution);
  return contribution.model.linearLayers(task, classesFor(contribution, task));
}

/**
 * The normalisation layers of a contribution's model that statistics can describe; null where
 * nothing tells them.
 *
 * @throws RegmeanError when config.json or the graph beside it cannot be read
 */
export function contributionNorms(contribution: Described): Promise<readonly NormLayer[] | null> {
  const task = contributionTask(contribution);
  return contribution.model.normLayers(task, classesFor(contribution, task));
}
