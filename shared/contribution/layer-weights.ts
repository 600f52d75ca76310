/** @file Which parameter is the weight of a linear layer, and how it is stored. */

import type { LayerIndex } from '../models/layer-index.ts';
import { orientations } from '../models/linear-layers.ts';
import { z } from '../zod.ts';

/** The weight of a linear layer. */
export const layerWeightSchema = z.object({
  parameter: z.string().min(1),
  orientation: z.enum(orientations),
});

export type LayerWeight = Readonly<z.infer<typeof layerWeightSchema>>;

/**
 * Whether a layer's weight is as in PyTorch's Linear: `<module>.weight`, [out, in]. Gram files name
 * the others.
 */
export function isUsualWeight(module: string, { parameter, orientation }: LayerWeight): boolean {
  return parameter === `${module}.weight` && orientation === 'out-in';
}

/**
 * The weight of a layer: what the Gram file says, else what the model's graph says, else
 * `<module>.weight`, [out, in].
 *
 * @param stored layers of a Gram file whose weights are unusual
 * @param known the model's own layers; null for a family that is not known
 */
export function layerWeight(
  module: string,
  stored: ReadonlyMap<string, LayerWeight>,
  known: LayerIndex | null,
): LayerWeight {
  const own = stored.get(module);
  if (own !== undefined) return own;
  const { weight: parameter = `${module}.weight`, orientation = 'out-in' } = known?.find(module) ?? {};
  return { parameter, orientation };
}
