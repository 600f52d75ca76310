import { listFolder } from '../files/atomic-folder.ts';
import { type ModelWeights, openModelWeights, weightsFile } from '../safetensors/model-weights.ts';
import { networkOf } from './network.ts';
import { onnxWeights } from './onnx-weights.ts';
import { modelFolderOf, onnxFileOf, openOnnx } from './open-onnx.ts';

/**
 * Opens the weights of a model: a folder with safetensors, or an ONNX file or folder that holds its
 * own.
 */
export async function openWeights(path: string): Promise<ModelWeights> {
  const file = await onnxFileOf(path);
  if (file === null || (await readsSafetensors(path))) return openModelWeights(path);
  return onnxWeights(networkOf(await openOnnx(file)));
}

/** Whether the weights of an ONNX model lie in its folder's safetensors file. */
export async function readsSafetensors(path: string): Promise<boolean> {
  return !path.endsWith('.onnx') && ((await listFolder(modelFolderOf(path))) ?? []).includes(weightsFile);
}
