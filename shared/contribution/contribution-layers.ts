/** @file Which model a folder holds, a contribution's or a base's, and its linear layers. */
import { join } from 'node:path';
import { outputNames, labelsOf as readLabels } from '../models/labels.ts';
import { indexLayers, type LayerIndex } from '../models/layer-index.ts';
import { linearLayersOf } from '../models/linear-layers.ts';
import type { ModelIdentity } from '../models/model-graph.ts';
import { architectureOf, isKnownArchitecture } from '../models/registry.ts';
import { openNetwork } from '../onnx/open-network.ts';
import { onnxFile, onnxModelType } from '../onnx/open-onnx.ts';
import type { TaskKind } from '../task.ts';
import { layersModelLayers, layersModelType } from '../tensorflow/layers-model.ts';
import type { Contribution } from './open-contribution.ts';

/** What is known of a model's folder before its graph is built. */
export interface DescribedModel {
  readonly folder: string;
  /** config.json */
  readonly config: Readonly<Record<string, unknown>>;
  /** Default: that of the class which config.json names. */
  readonly task?: TaskKind | undefined;
  /** Default: those of config.json. */
  readonly labels?: readonly string[] | undefined;
}

type Described = Pick<Contribution, 'folder' | 'manifest' | 'config'>;

/** The linear layers of a contribution's model; see `modelLayers`. */
export function contributionLayers(contribution: Described): Promise<LayerIndex | null> {
  return modelLayers(describedBy(contribution));
}

/**
 * The linear layers of a model, whatever kind it is; null for a model family that is not known,
 * whose layers only a Gram file can tell.
 *
 * @throws RegmeanError when config.json or the graph beside it cannot be read
 */
export async function modelLayers(model: DescribedModel): Promise<LayerIndex | null> {
  const { folder, config } = model;
  if (config.model_type === layersModelType) return indexLayers(await layersModelLayers(folder), '');
  if (config.model_type === onnxModelType) {
    const { architecture, weights } = await openNetwork(join(folder, onnxFile), folder);
    await weights.close();
    return indexLayers(linearLayersOf(identityOf(architecture, model)), '');
  }
  if (!isKnownArchitecture(config.model_type)) return null;
  const identity = identityOf(architectureOf(config.model_type), model);
  return indexLayers(linearLayersOf(identity), identity.architecture.backboneName);
}

/**
 * Family, configuration, task and classes of a contribution of a known model family.
 *
 * @throws RegmeanError `unsupported` for a family that is not known; `invalid-input` for a
 *   config.json that is not one of its family
 */
export function contributionIdentity(contribution: Described): ModelIdentity {
  return identityOf(architectureOf(contribution.config.model_type), describedBy(contribution));
}

function describedBy({ folder, config, manifest }: Described): DescribedModel {
  return { folder, config, task: manifest?.task, labels: manifest?.labels };
}

function identityOf(
  architecture: ModelIdentity['architecture'],
  { folder, config, ...given }: DescribedModel,
): ModelIdentity {
  const task = given.task ?? taskOf(architecture, config);
  return {
    architecture,
    config: architecture.parseConfig(config),
    task,
    labels: outputNames(task, given.labels ?? readLabels(config, task, folder)),
  };
}

/**
 * The task of a folder made elsewhere: that of the class which config.json names. Tasks of one
 * class have one graph.
 */
function taskOf(
  { classNames }: ModelIdentity['architecture'],
  { architectures }: DescribedModel['config'],
): TaskKind {
  const tasks = Object.keys(classNames) as TaskKind[];
  const named = Array.isArray(architectures) ? architectures : [];
  const usual = tasks.find((task) => task === 'text-classification') ?? tasks[0];
  return tasks.find((task) => named.includes(classNames[task])) ?? usual ?? 'text-classification';
}
