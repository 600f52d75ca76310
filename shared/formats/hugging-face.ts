/** @file Hugging Face model folders: config.json, safetensors, tokenizer files. */
import { RegmeanError } from '../errors.ts';
import { configFile, readConfigText } from '../models/config-json.ts';
import { namedLabels, outputNames } from '../models/labels.ts';
import { indexLayers } from '../models/layer-index.ts';
import { linearLayersOf } from '../models/linear-layers.ts';
import { type LoadedModel, type LoadRequest, listed, readModel } from '../models/model-folder.ts';
import { buildModelGraph, type ModelIdentity } from '../models/model-graph.ts';
import { architectureOf, isKnownArchitecture } from '../models/registry.ts';
import type { ParameterDeclaration } from '../models/scope.ts';
import { copyTravellingFiles } from '../models/side-files.ts';
import { contradictions } from '../models/surplus-tensors.ts';
import { taskOfClass } from '../models/task-of-class.ts';
import { openModelWeights } from '../safetensors/model-weights.ts';
import type { TaskKind } from '../task.ts';
import { copyFiles } from './copy-files.ts';
import { fingerprintWeights } from './fingerprint-weights.ts';
import type { GraphModel, ModelFormat } from './model-format.ts';

/** Every path that no other format takes is one, so that errors speak of the usual kind. */
export const huggingFace: ModelFormat = {
  engine: 'graph',
  holds: async () => true,
  open: openHuggingFace,
};

/**
 * Opens a Hugging Face model folder. The family need not be known: its weights can be merged, but
 * not run.
 */
async function openHuggingFace(path: string): Promise<GraphModel> {
  const config = await readConfigText(path);
  const { model_type: modelType } = config.json;
  const weights = await openModelWeights(path);
  const identityFor = (task: TaskKind, labels: readonly string[]): ModelIdentity => {
    const architecture = architectureOf(modelType);
    return {
      architecture,
      config: architecture.parseConfig(config.json),
      task,
      labels: outputNames(task, labels),
    };
  };
  const declared = (task: TaskKind, labels: readonly string[]): ReadonlyMap<string, ParameterDeclaration> =>
    buildModelGraph(identityFor(task, labels), { withLoss: false, dropoutSeed: null }).parameters;
  return {
    engine: 'graph',
    path,
    folder: path,
    kind: 'a Hugging Face model',
    config,
    weights,
    task: isKnownArchitecture(modelType) ? taskOfClass(architectureOf(modelType), config.json) : null,
    inputs: async () => architectureOf(modelType).parseConfig(config.json).inputs,
    hasFixedHead: false,
    classNames: async (task) => namedLabels(config.json, task, path),
    parametersFor: (task, labels) => (isKnownArchitecture(modelType) ? declared(task, labels) : null),
    linearLayers: async (task, labels) => {
      if (!isKnownArchitecture(modelType)) return null;
      const identity = identityFor(task, labels);
      return indexLayers(linearLayersOf(identity), identity.architecture.backboneName);
    },
    tensorsFor: async (task, labels) =>
      new Map(
        [...declared(task, labels)].map(([name, { value }]) => [name, { shape: value.shape.map(Number) }]),
      ),
    fingerprint: () => fingerprintWeights(weights),
    differenceFrom: async () => null,
    writeNetwork: async () => {},
    load: async (request) => {
      const source = {
        where: path,
        config,
        architecture: architectureOf(modelType),
        weights,
      };
      const loaded = await readModel(source, request);
      requireNoContradiction(path, loaded, request);
      return loaded;
    },
    writeFolder: async (folder) => {
      await copyTravellingFiles(path, folder);
      await copyFiles(path, folder, [configFile, ...weights.files]);
    },
    close: () => weights.close(),
  };
}

/** Refuses tensors that say that config.json is not these weights'. */
function requireNoContradiction(
  path: string,
  { model, surplus }: LoadedModel,
  { headSeed }: LoadRequest,
): void {
  const isNew = (name: string): boolean => headSeed !== undefined && model.headParameters.has(name);
  const wrong = contradictions(surplus, model.weights, model.architecture.backboneName, isNew);
  if (wrong.length === 0) return;
  throw new RegmeanError('invalid-input', `${path}: weights must fit config.json: ${listed(wrong)}`, {
    hint: 'take config.json from where the weights are from',
  });
}
