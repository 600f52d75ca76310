import { RegmeanError } from '../errors.ts';
import type { TensorEntry } from '../safetensors/header.ts';
import type { ModelWeights } from '../safetensors/model-weights.ts';
import { sizeOf } from '../tensor.ts';
import type { OnnxNetwork } from './network.ts';
import { dataOf, shapeOfTensor } from './tensors.ts';

/**
 * The parameters that an ONNX file holds itself (or in external data of its own), as weights are
 * read elsewhere.
 */
export function onnxWeights({ source, parameters }: OnnxNetwork): ModelWeights {
  const read = (name: string): Float32Array => {
    const tensor = parameters.get(name);
    if (tensor === undefined) throw new RegmeanError('not-found', `${source.path}: no initializer ${name}`);
    return dataOf(tensor, `${source.path}: initializer ${name}`).data as Float32Array;
  };
  const tensors = new Map(
    [...parameters].map(([name, tensor]): [string, TensorEntry] => {
      const shape = shapeOfTensor(tensor);
      return [name, { dtype: 'F32', shape, byteOffset: 0, byteLength: 4 * sizeOf(shape) }];
    }),
  );
  return {
    path: source.path,
    files: [],
    tensors,
    readFloat32: async (name) => ({ shape: tensors.get(name)?.shape ?? [], data: read(name) }),
    readFloat32Range: async (name, start, end) => read(name).slice(start, end),
    readFloat64: async (name) => Float64Array.from(read(name)),
    readBytes: async (name) => new Uint8Array(read(name).buffer),
    close: async () => {},
  };
}
