import type { LinearLayer } from './linear-layers.ts';

/** A model's linear layers, found by the names of their modules. */
export interface LayerIndex {
  readonly layers: readonly LinearLayer[];
  find(module: string): LinearLayer | undefined;
}

/** Makes linear layers findable by name. */
export function indexLayers(layers: readonly LinearLayer[]): LayerIndex {
  const byModule = new Map(layers.map((layer) => [layer.module, layer]));
  return { layers, find: (module) => byModule.get(module) };
}
