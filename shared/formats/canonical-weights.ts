/** @file The weights of a Hugging Face folder under the names that the family's graph has. */
import { type FamilyNames, withoutInnerWrappers, withoutWrappers } from '../models/canonical-names.ts';
import { isFloatDtype } from '../safetensors/dtype.ts';
import { readFloatBlocks } from '../safetensors/float-blocks.ts';
import type { TensorReader } from '../safetensors/open-safetensors.ts';
import { renamedReader } from '../safetensors/renamed-reader.ts';
import { sameShape } from '../tensor.ts';

/** Weights under canonical names. */
export interface CanonicalWeights {
  /** Without buffers, and without copies that equal the parameter which they are tied to. */
  readonly weights: TensorReader;
  /** Tied copies with values of their own, as canonical names. */
  readonly untied: readonly string[];
}

/**
 * Reads weights under canonical names. Where two tensors would get one name, the one that has it in
 * the file keeps it, and the other is left what it is called.
 *
 * @throws RegmeanError when a tensor that must be compared cannot be read
 */
export async function canonicalWeights(stored: TensorReader, names: FamilyNames): Promise<CanonicalWeights> {
  const byName = new Map<string, string>();
  const canonicalOf = new Map([...stored.tensors.keys()].map((own) => [own, names.canonical(own)]));
  for (const own of stored.tensors.keys()) if (canonicalOf.get(own) === own) byName.set(own, own);
  for (const [own, name] of canonicalOf) {
    if (names.isBuffer(name)) byName.delete(name);
    else if (own !== name) byName.set(byName.has(name) ? own : name, own);
  }
  const untied: string[] = [];
  for (const [copy, parameter] of names.copies) {
    const [ofCopy, ofParameter] = [byName.get(copy), byName.get(parameter)];
    if (ofCopy === undefined) continue;
    if (ofParameter !== undefined && !(await areEqual(stored, ofCopy, ofParameter))) {
      untied.push(copy);
      continue;
    }
    byName.delete(copy);
    if (ofParameter === undefined) byName.set(parameter, ofCopy);
  }
  return { weights: renamedReader(stored, byName), untied };
}

/** Weights of a family that is not known, without the names of modules that wrap others. */
export function unwrappedWeights(stored: TensorReader): TensorReader {
  const names = [...stored.tensors.keys()];
  const isWrapped = names.every((name) => withoutInnerWrappers(name).startsWith('module.'));
  const plain = isWrapped ? withoutWrappers : withoutInnerWrappers;
  return renamedReader(stored, new Map(names.map((name) => [plain(name), name])));
}

/** Whether two tensors have the same values, read block by block. */
async function areEqual(reader: TensorReader, a: string, b: string): Promise<boolean> {
  const [first, second] = [reader.tensors.get(a), reader.tensors.get(b)];
  if (first === undefined || second === undefined || !sameShape(first.shape, second.shape)) return false;
  if (!isFloatDtype(first.dtype) || !isFloatDtype(second.dtype)) return false;
  for await (const { start, values } of readFloatBlocks(reader, a)) {
    const others = await reader.readFloat32Range(b, start, start + values.length);
    if (Buffer.compare(bytesOf(values), bytesOf(others)) !== 0) return false;
  }
  return true;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
