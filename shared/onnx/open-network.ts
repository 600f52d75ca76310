/** @file An ONNX model as the rest of the project takes models: configuration, family, weights. */
import { changeJson } from '../files/json-text.ts';
import { type ConfigText, configTextBeside } from '../models/config-json.ts';
import { type ModelWeights, openModelWeights } from '../safetensors/model-weights.ts';
import { networkOf } from './network.ts';
import { type OnnxArchitecture, onnxArchitecture } from './onnx-architecture.ts';
import { onnxWeights } from './onnx-weights.ts';
import { onnxModelType, openOnnx } from './open-onnx.ts';
import { readsSafetensors } from './open-weights.ts';
import { writeOnnx } from './write-onnx.ts';

/** A network from an ONNX file. */
export interface OpenNetwork {
  /** The config.json beside the file, or one that names the outputs LABEL_0, LABEL_1, .. */
  readonly config: ConfigText;
  readonly architecture: OnnxArchitecture;
  readonly weights: ModelWeights;
}

/**
 * Opens an ONNX model.
 *
 * @param file the ONNX file
 * @param path what the user named: the file, or its folder
 */
export async function openNetwork(file: string, path: string): Promise<OpenNetwork> {
  const source = await openOnnx(file);
  const network = networkOf(source);
  const architecture = await onnxArchitecture(network);
  const weights = (await readsSafetensors(path)) ? await openModelWeights(path) : onnxWeights(network);
  return {
    config: await configBeside(source.folder, architecture),
    architecture: { ...architecture, writeGraph: (folder) => writeOnnx(folder, source.model) },
    weights,
  };
}

async function configBeside(
  folder: string,
  { outputs, overVocabulary }: OnnxArchitecture,
): Promise<ConfigText> {
  const beside = (await configTextBeside(folder)) ?? { json: {}, text: '{}' };
  const changes = {
    model_type: onnxModelType,
    ...('id2label' in beside.json || overVocabulary ? {} : { num_labels: outputs }),
  };
  return { json: { ...beside.json, ...changes }, text: changeJson(beside.text, changes) };
}
