/** @file TensorFlow.js LayersModels: model.json with its weights, a file or its folder. */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listFolder } from '../files/atomic-folder.ts';
import { classesNamedInConfig } from '../models/classes.ts';
import { type ConfigText, configFile, configTextBeside } from '../models/config-json.ts';
import { indexLayers } from '../models/layer-index.ts';
import { copyTravellingFiles } from '../models/side-files.ts';
import { readerOf } from '../safetensors/memory-reader.ts';
import { openModelWeights, weightsFile } from '../safetensors/model-weights.ts';
import {
  isLayersModel,
  layersModelFile,
  layersModelFolder,
  layersModelLayers,
  layersModelType,
  openLayersModel,
  topologyText,
  writeBinaryWeights,
  writeLayersFiles,
} from '../tensorflow/layers-model.ts';
import { copyFiles } from './copy-files.ts';
import { fingerprintWeights, formerFingerprint } from './fingerprint-weights.ts';
import { type LayersModel, type ModelFormat, namesAsStored } from './model-format.ts';

/** The configuration of a LayersModel with none beside it. */
const withoutConfig: ConfigText = {
  json: { model_type: layersModelType },
  text: JSON.stringify({ model_type: layersModelType }),
};

export const tensorFlow: ModelFormat = {
  engine: 'tensorflow-js',
  holds: isLayersModel,
  open: openTensorFlow,
};

/** The files of a contribution beside its companions. */
const ownFiles = [configFile, layersModelFile, weightsFile];

/** Opens a LayersModel, without TensorFlow.js. */
async function openTensorFlow(path: string): Promise<LayersModel> {
  const folder = await layersModelFolder(path);
  const config = (await configTextBeside(folder)) ?? withoutConfig;
  const names = (await listFolder(folder)) ?? [];
  const hasSafetensors = names.includes(weightsFile);
  const weights = hasSafetensors
    ? await openModelWeights(folder)
    : readerOf(path, (await openLayersModel(path)).weights);
  return {
    engine: 'tensorflow-js',
    path,
    folder,
    kind: 'a TensorFlow.js model',
    kinds: 'TensorFlow.js models',
    config,
    weights,
    names: namesAsStored,
    task: null,
    inputs: async (task) => {
      const { buildNetwork } = await import('../tensorflow/network.ts');
      const network = await buildNetwork(await openLayersModel(path), task, { note() {} });
      network.model.dispose();
      return network.inputs;
    },
    hasFixedHead: true,
    requireOutputs: async (task, classes) => {
      const { loadLayersModel } = await import('../tensorflow/load-layers-model.ts');
      const { network } = await loadLayersModel(path, task, { note() {} }, classes);
      network.model.dispose();
    },
    classNames: async (task) => classesNamedInConfig(config.json, task, folder),
    parametersFor: () => null,
    className: () => null,
    surplusBeside: () => [],
    linearLayers: async () => indexLayers(await layersModelLayers(path)),
    normLayers: async () => null,
    tensorsFor: async () => weights.tensors,
    fingerprint: () => fingerprintWeights(weights),
    isIdentifiedBy: async (fingerprint) =>
      [await fingerprintWeights(weights), await formerFingerprint(weights)].includes(fingerprint),
    fieldDifferences: () => [],
    differenceFrom: async (other) => {
      const [own, theirs] = [await openLayersModel(path), await openLayersModel(other.path)];
      return topologyText(own) === topologyText(theirs) ? null : 'the topology of model.json';
    },
    async writeNetwork(to) {
      await copyFile(join(folder, layersModelFile), join(to, layersModelFile));
      await writeBinaryWeights(to);
    },
    async writeFolder(to, task, classes) {
      await copyTravellingFiles(folder, to);
      if (hasSafetensors && names.includes(configFile)) return copyFiles(folder, to, ownFiles);
      const { json, weights: read } = await openLayersModel(path);
      return writeLayersFiles(to, json, read, { from: folder, task, classes });
    },
    close: () => weights.close(),
  };
}
