/** @file An ONNX model as the rest of the project takes models: configuration and family. */
import { changeJson } from '../files/json-text.ts';
import { type ConfigText, configTextBeside } from '../models/config-json.ts';
import { networkOf } from './network.ts';
import { type OnnxArchitecture, onnxArchitecture } from './onnx-architecture.ts';
import { onnxModelType, openOnnx } from './open-onnx.ts';
import { writeOnnx } from './write-onnx.ts';

/** A network from an ONNX file. */
export interface ReadNetwork {
  /** The config.json beside the file, or one that names the outputs LABEL_0, LABEL_1, .. */
  readonly config: ConfigText;
  readonly architecture: OnnxArchitecture;
}

/** Reads the network of an ONNX file; its weights may lie elsewhere. */
export async function readNetwork(file: string): Promise<ReadNetwork> {
  const source = await openOnnx(file);
  const architecture = await onnxArchitecture(networkOf(source));
  return {
    config: await configBeside(source.folder, architecture),
    architecture: { ...architecture, writeGraph: (folder) => writeOnnx(folder, source.model) },
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
