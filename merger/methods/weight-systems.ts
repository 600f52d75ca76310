/** @file The systems of linear layers whose inputs the change of their weights tells of. */

import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { layersOfBase } from './changed-layers.ts';
import { allFinite, notFinite } from './finite.ts';
import type { SolvedLayer } from './layer-groups.ts';
import type { MergeInputs } from './merge-step.ts';
import type { LayerSystem, LayerSystems } from './solve-system.ts';
import { type WeightCovarianceSettings, weightCovariance } from './weight-covariance.ts';

/**
 * One system for each linear layer that the base holds, measured from the base's weights: every
 * layer's change is its own. Layers that began elsewhere, as new heads do, are averaged.
 */
export function weightSystems(inputs: MergeInputs, settings: WeightCovarianceSettings): LayerSystems {
  const { held, averaged } = layersOfBase(inputs);
  const systems = held.map(({ layer, base }) => systemOf(inputs, settings, layer, base));
  return { systems, averaged };
}

function systemOf(
  { contributions, coefficients, gemm }: MergeInputs,
  settings: WeightCovarianceSettings,
  layer: SolvedLayer,
  base: TensorReader,
): LayerSystem {
  return {
    name: layer.module,
    dimension: layer.inputs,
    layers: [layer],
    from: base,
    rows: contributions.map(() => null),
    async covarianceOf(index, deviation) {
      if (!allFinite(deviation.data)) {
        const isBase = !allFinite(await base.readFloat64(layer.weight));
        const { agent } = contributions[index] as Contribution;
        throw notFinite(isBase ? base.path : agent, layer.weight);
      }
      const covariance = await weightCovariance(gemm, deviation, settings);
      const coefficient = coefficients[index] as number;
      for (let at = 0; at < covariance.data.length; at++) {
        covariance.data[at] = coefficient * (covariance.data[at] as number);
      }
      return covariance;
    },
  };
}
