import type { LayerIndex } from '../models/layer-index.ts';
import { type LayerWeight, layerWeight } from './layer-weights.ts';
import type { GramFile } from './open-grams.ts';

/** Which layers of a model the Grams of a file belong to. */
export interface GramLayers {
  /** Module of a layer, as the model calls it -> name of its Gram. */
  readonly byModule: ReadonlyMap<string, string>;
  /** Weights of layers as the file has them, where it says so or nothing else does. */
  readonly weights: ReadonlyMap<string, LayerWeight>;
  /** Modules of the file that are no layer of the model. */
  readonly strangers: readonly string[];
}

/**
 * Finds the layers that the Grams of a file belong to: files that were made elsewhere may call them
 * by the names of the bare backbone, or of a wrapper.
 *
 * @param known the model's own layers; null for a family that is not known, whose layers are called
 *   as the file calls them
 */
export function gramLayers({ layers, weights }: GramFile, known: LayerIndex | null): GramLayers {
  const byModule = new Map<string, string>();
  const ownWeights = new Map<string, LayerWeight>();
  const strangers: string[] = [];
  for (const [name, gram] of layers) {
    const module = known === null ? name : known.find(name)?.module;
    if (module === undefined) {
      strangers.push(name);
      continue;
    }
    byModule.set(module, gram);
    const stated = known === null ? layerWeight(name, weights, null) : weights.get(name);
    if (stated !== undefined) ownWeights.set(module, stated);
  }
  return { byModule, weights: ownWeights, strangers };
}
