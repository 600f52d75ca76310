/**
 * @file Writes the graph of a model folder: its weights are ONNX external data that lie in
 *   `model.safetensors`, so that they are stored once, and tools that read ONNX open the folder's
 *   `model.onnx` as it is.
 */
import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { writeAllAtomically } from '../files/atomic-write.ts';
import { encodeModel, type OnnxModel, type OnnxTensor } from '../graph/onnx-schema.ts';
import { weightsFile } from '../safetensors/model-weights.ts';
import { openSafetensors } from '../safetensors/open-safetensors.ts';
import { sameShape } from '../tensor.ts';
import { decodeOnnx, onnxFile, readOnnxFile } from './open-onnx.ts';
import { shapeOfTensor } from './tensors.ts';

/**
 * Writes `model.onnx` into a folder whose `model.safetensors` is there: every initializer that it
 * has a tensor for is read from it, the others stay inside.
 *
 * @throws RegmeanError `invalid-input` when a tensor's shape or type is not the initializer's
 */
export async function writeOnnx(folder: string, model: OnnxModel): Promise<void> {
  const weights = await openSafetensors(join(folder, weightsFile));
  await weights.close();
  const initializer = model.graph.initializer.map((tensor): OnnxTensor => {
    const entry = weights.tensors.get(tensor.name ?? '');
    if (entry === undefined) return tensor;
    if (entry.dtype !== 'F32' || !sameShape(entry.shape, shapeOfTensor(tensor))) {
      throw new RegmeanError(
        'invalid-input',
        `${weights.path}: tensor ${tensor.name} must be as in ${onnxFile}, F32 of [${shapeOfTensor(tensor).join(', ')}]`,
      );
    }
    return {
      ...(tensor.name === undefined ? {} : { name: tensor.name }),
      dims: tensor.dims ?? [],
      dataType: tensor.dataType ?? 1,
      dataLocation: 1,
      externalData: [
        { key: 'location', value: weightsFile },
        { key: 'offset', value: String(entry.byteOffset) },
        { key: 'length', value: String(entry.byteLength) },
      ],
    };
  });
  const bytes = encodeModel({ ...model, graph: { ...model.graph, initializer } });
  await writeAllAtomically(join(folder, onnxFile), bytes);
}

/** Writes the graph of one model folder into another, whose weights are there. */
export async function copyOnnx(from: string, to: string): Promise<void> {
  const path = join(from, onnxFile);
  await writeOnnx(to, decodeOnnx(path, await readOnnxFile(path)));
}
