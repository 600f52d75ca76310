/** @file An ONNX model as the rest of the project takes models: configuration, family, weights. */
import { configJsonBeside } from '../models/config-json.ts';
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
  readonly configJson: Readonly<Record<string, unknown>>;
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
    configJson: { ...(await configBeside(source.folder, architecture)), model_type: onnxModelType },
    architecture: { ...architecture, writeGraph: (folder) => writeOnnx(folder, source.model) },
    weights,
  };
}

async function configBeside(
  folder: string,
  { outputs, overVocabulary }: OnnxArchitecture,
): Promise<Record<string, unknown>> {
  const json = (await configJsonBeside(folder)) ?? {};
  return 'id2label' in json || overVocabulary ? json : { ...json, num_labels: outputs };
}
