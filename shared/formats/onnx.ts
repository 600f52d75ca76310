/** @file ONNX models: a file, or a folder with model.onnx. */

import { headOutputs } from '../models/classes.ts';
import { type ConfigText, configFile, configTextBeside } from '../models/config-json.ts';
import { withGenerationTokens } from '../models/generation-config.ts';
import { indexLayers } from '../models/layer-index.ts';
import { linearLayersOf } from '../models/linear-layers.ts';
import { readModel, saveModel } from '../models/model-folder.ts';
import type { ModelIdentity } from '../models/model-graph.ts';
import { normLayersOf } from '../models/norm-layers.ts';
import { copyTravellingFiles } from '../models/side-files.ts';
import { graphDifference, readGraph } from '../onnx/compare-graphs.ts';
import { networkOf } from '../onnx/network.ts';
import { onnxWeights } from '../onnx/onnx-weights.ts';
import { modelFolderOf, onnxFile, onnxFileOf, onnxModelType, openOnnx } from '../onnx/open-onnx.ts';
import { readsSafetensors } from '../onnx/open-weights.ts';
import { readNetwork } from '../onnx/read-network.ts';
import { copyOnnx } from '../onnx/write-onnx.ts';
import { type ModelWeights, openModelWeights } from '../safetensors/model-weights.ts';
import type { TaskKind } from '../task.ts';
import { copyFiles } from './copy-files.ts';
import { fingerprintWeights, formerFingerprint } from './fingerprint-weights.ts';
import { type GraphModel, type ModelFormat, namesAsStored } from './model-format.ts';

/** The configuration of an ONNX file with none beside it. */
const withoutConfig: ConfigText = {
  json: { model_type: onnxModelType },
  text: JSON.stringify({ model_type: onnxModelType }),
};

export const onnx: ModelFormat = {
  engine: 'graph',
  holds: async (path) => (await onnxFileOf(path)) !== null,
  open: openOnnxModel,
};

/**
 * Opens an ONNX model. Its graph is read only where it is needed, or where it holds the weights
 * itself.
 */
async function openOnnxModel(path: string): Promise<GraphModel> {
  const file = (await onnxFileOf(path)) ?? path;
  const folder = modelFolderOf(path);
  const hasSafetensors = await readsSafetensors(path);
  const config = (await configTextBeside(folder)) ?? withoutConfig;
  const weights: ModelWeights = hasSafetensors
    ? await openModelWeights(path)
    : onnxWeights(networkOf(await openOnnx(file)));
  const load: GraphModel['load'] = async (request) => {
    const { config: own, architecture } = await readNetwork(file);
    const loaded = await readModel({ where: path, config: own, architecture, weights }, request);
    return withGenerationTokens(folder, loaded);
  };
  const identityFor = async (task: TaskKind, classes: readonly string[]): Promise<ModelIdentity> => {
    const { config: own, architecture } = await readNetwork(file);
    const parsed = architecture.parseConfig(own.json);
    return { architecture, config: parsed, task, ...headOutputs(task, classes) };
  };
  const linearLayers: GraphModel['linearLayers'] = async (task, classes) =>
    indexLayers(linearLayersOf(await identityFor(task, classes)));
  return {
    engine: 'graph',
    path,
    folder,
    kind: 'an ONNX network',
    kinds: 'ONNX networks',
    config,
    weights,
    names: namesAsStored,
    task: null,
    inputs: async () => {
      const { config: own, architecture } = await readNetwork(file);
      return architecture.parseConfig(own.json).inputs;
    },
    hasFixedHead: true,
    requireOutputs: async (task, classes) => {
      await linearLayers(task, classes);
    },
    classNames: async (task) => {
      const { classes } = (await load({ task })).model;
      return classes.length === 0 ? null : classes;
    },
    parametersFor: () => null,
    className: () => null,
    surplusBeside: () => [],
    linearLayers,
    normLayers: async (task, classes) => normLayersOf(await identityFor(task, classes)),
    tensorsFor: async () => weights.tensors,
    fingerprint: () => fingerprintWeights(weights),
    isIdentifiedBy: async (fingerprint) =>
      [await fingerprintWeights(weights), await formerFingerprint(weights)].includes(fingerprint),
    fieldDifferences: () => [],
    differenceFrom: async (other) => graphDifference(await readGraph(path), await readGraph(other.path)),
    writeNetwork: (to) => copyOnnx(folder, to),
    load,
    writeFolder: async (to, task, classes) => {
      if (!hasSafetensors) {
        const { model } = await load({ task, classes });
        return saveModel(to, model, { sideFilesFrom: folder });
      }
      await copyTravellingFiles(folder, to);
      await copyFiles(folder, to, [configFile, onnxFile, ...weights.files]);
    },
    close: () => weights.close(),
  };
}
