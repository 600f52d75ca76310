/**
 * @file The layers of a model, those inside of other layers included: models in models, and what
 *   TimeDistributed wraps.
 */
import type { layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { Layers } from './library.ts';

/** A layer of TensorFlow.js. A model is one too. */
export type Layer = layers.Layer;

/**
 * A layer, then all the layers inside of it, at any depth; one that is used several times comes
 * once.
 */
export function layersWithin(library: Layers, layer: Layer): readonly Layer[] {
  return [
    ...new Set([layer, ...innerLayers(library, layer).flatMap((inner) => layersWithin(library, inner))]),
  ];
}

/** The layer that a TimeDistributed applies to every position; null for other layers. */
export function timeDistributedLayer(library: Layers, layer: Layer): Layer | null {
  if (layer.getClassName() !== 'TimeDistributed') return null;
  const inner: unknown = Reflect.get(layer, 'layer');
  return inner instanceof library.layers.Layer ? inner : null;
}

/** The innermost layer that computes an output, of all that pass it on. */
export function sourceLayerOf(library: Layers, { sourceLayer }: SymbolicTensor): Layer {
  let layer: Layer = sourceLayer;
  for (;;) {
    const inner =
      layer instanceof library.LayersModel
        ? layer.outputs[0]?.sourceLayer
        : timeDistributedLayer(library, layer);
    if (inner === undefined || inner === null) return layer;
    layer = inner;
  }
}

function innerLayers(library: Layers, layer: Layer): readonly Layer[] {
  if (layer instanceof library.LayersModel) return layer.layers;
  const inner = timeDistributedLayer(library, layer);
  return inner === null ? [] : [inner];
}
