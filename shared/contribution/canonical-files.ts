/** @file Statistics under the names of the network that they are of. */
import type { TensorNames } from '../formats/model-format.ts';
import { renamedReader } from '../safetensors/renamed-reader.ts';
import type { FisherFile } from './open-fisher.ts';
import type { GramFile } from './open-grams.ts';
import type { NormFile } from './open-norms.ts';

const weightEnding = '.weight';

/** A Gram file whose layers are called as the network calls them. */
export function canonicalGrams(file: GramFile, { canonical }: TensorNames): GramFile {
  const moduleOf = (module: string): string => {
    const weight = canonical(module + weightEnding);
    return weight.endsWith(weightEnding) ? weight.slice(0, -weightEnding.length) : module;
  };
  return {
    ...file,
    layers: new Map([...file.layers].map(([module, gram]) => [moduleOf(module), gram])),
    weights: new Map(
      [...file.weights].map(([module, weight]) => [
        moduleOf(module),
        { ...weight, parameter: canonical(weight.parameter) },
      ]),
    ),
  };
}

/** A Fisher file whose tensors are called as the network's parameters. */
export function canonicalFisher(file: FisherFile, { canonical }: TensorNames): FisherFile {
  const names = new Map([...file.tensors.keys()].map((stored) => [canonical(stored), stored]));
  return { ...file, ...renamedReader(file, names) };
}

/** Sums of normalisation layers whose parameters are called as the network's. */
export function canonicalNorms(file: NormFile, { canonical }: TensorNames): NormFile {
  const stored = new Map([...file.layers.keys()].map((scale) => [canonical(scale), scale]));
  return {
    ...file,
    layers: new Map(
      [...file.layers].map(([scale, entry]) => [
        canonical(scale),
        { ...entry, shift: entry.shift === null ? null : canonical(entry.shift) },
      ]),
    ),
    readSums: (scale) => file.readSums(stored.get(scale) ?? scale),
  };
}
