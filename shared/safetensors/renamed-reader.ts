import { RegmeanError } from '../errors.ts';
import type { TensorEntry } from './header.ts';
import type { TensorReader } from './open-safetensors.ts';

/**
 * Tensors of a reader under other names.
 *
 * @param storedNames new name -> name in the reader; tensors that it does not name are left out
 */
export function renamedReader(reader: TensorReader, storedNames: ReadonlyMap<string, string>): TensorReader {
  const stored = (name: string): string => {
    const known = storedNames.get(name);
    if (known !== undefined) return known;
    throw new RegmeanError('not-found', `${reader.path}: no tensor ${name}`);
  };
  const tensors = new Map(
    [...storedNames].flatMap(([name, own]): [string, TensorEntry][] => {
      const entry = reader.tensors.get(own);
      return entry === undefined ? [] : [[name, entry]];
    }),
  );
  return {
    path: reader.path,
    tensors,
    readFloat32: async (name) => reader.readFloat32(stored(name)),
    readFloat32Range: async (name, start, end, into) =>
      reader.readFloat32Range(stored(name), start, end, into),
    readFloat64: async (name, into) => reader.readFloat64(stored(name), into),
    readBytes: async (name) => reader.readBytes(stored(name)),
    close: () => reader.close(),
  };
}
