import { RegmeanError } from '../errors.ts';
import { type FloatTensor, type StateDict, sizeOf } from '../tensor.ts';
import type { TensorEntry } from './header.ts';
import type { TensorReader } from './open-safetensors.ts';

/**
 * Tensors in memory, read as those of a file are.
 *
 * @param path named in errors
 */
export function readerOf(path: string, weights: StateDict): TensorReader {
  const tensors = new Map(
    [...weights].map(([name, { shape }]): [string, TensorEntry] => [
      name,
      { dtype: 'F32', shape, byteOffset: 0, byteLength: 4 * sizeOf(shape) },
    ]),
  );
  const tensorOf = (name: string): FloatTensor => {
    const tensor = weights.get(name);
    if (tensor === undefined) throw new RegmeanError('not-found', `${path}: no tensor ${name}`);
    return tensor;
  };
  return {
    path,
    tensors,
    readFloat32: async (name) => ({ shape: tensorOf(name).shape, data: tensorOf(name).data.slice() }),
    readFloat32Range: async (name, start, end) => tensorOf(name).data.slice(start, end),
    readFloat64: async (name) => Float64Array.from(tensorOf(name).data),
    readBytes: async (name) => new Uint8Array(tensorOf(name).data.slice().buffer),
    close: async () => {},
  };
}
