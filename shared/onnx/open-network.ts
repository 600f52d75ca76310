/** @file An ONNX model as the rest of the project takes models: configuration, family, weights. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
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
  const unnamed = overVocabulary ? {} : { num_labels: outputs };
  if (!((await listFolder(folder)) ?? []).includes('config.json')) return unnamed;
  const path = join(folder, 'config.json');
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new RegmeanError('invalid-input', `${path}: must be JSON`, { cause });
  }
  if (typeof json !== 'object' || json === null) {
    throw new RegmeanError('invalid-input', `${path}: must be a JSON object`);
  }
  return 'id2label' in json ? { ...json } : { ...json, ...unnamed };
}
