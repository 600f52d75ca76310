import type { LinearLayer } from './linear-layers.ts';

/** A model's linear layers, found by the names that files call their modules. */
export interface LayerIndex {
  readonly layers: readonly LinearLayer[];
  /**
   * The layer of a module: of its name here, of one without the backbone's name, as checkpoints of
   * the bare backbone have it, or of one that a wrapper of PyTorch put its own before.
   */
  find(module: string): LinearLayer | undefined;
}

/** What `torch.compile` and data-parallel wrappers put before the names of modules. */
const wrapperNames = /^(?:(?:module|_orig_mod)\.)+/;

/**
 * Makes linear layers findable by name.
 *
 * @param backboneName what the backbone is called in a model with a head; empty where it has none
 */
export function indexLayers(layers: readonly LinearLayer[], backboneName: string): LayerIndex {
  const byModule = new Map(layers.map((layer) => [layer.module, layer]));
  return {
    layers,
    find(module) {
      const bare = module.replace(wrapperNames, '');
      const names = [module, bare, ...(backboneName === '' ? [] : [`${backboneName}.${bare}`])];
      return names.map((name) => byModule.get(name)).find((layer) => layer !== undefined);
    },
  };
}
