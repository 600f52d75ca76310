/** @file The systems of linear layers whose inputs the change of their weights tells of. */

import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { LayerIndex } from '../../shared/models/layer-index.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { reasons, whyAveraged } from './averaged-layers.ts';
import { baseOf } from './base-values.ts';
import { allFinite, notFinite } from './finite.ts';
import { type SolvedLayer, weightsIn } from './layer-groups.ts';
import type { AveragedLayer, MergeInputs } from './merge-step.ts';
import type { LayerSystem, LayerSystems } from './solve-system.ts';
import { type WeightCovarianceSettings, weightCovariance } from './weight-covariance.ts';

/**
 * One system for each linear layer that the base holds, measured from the base's weights: every
 * layer's change is its own. Layers that began elsewhere, as new heads do, are averaged.
 */
export function weightSystems(inputs: MergeInputs, settings: WeightCovarianceSettings): LayerSystems {
  const averaged = new Map<string, AveragedLayer>();
  const systems: LayerSystem[] = [];
  for (const layer of weightsIn(inputs, (inputs.layers as LayerIndex).layers)) {
    const base = baseOf(inputs, layer.weight);
    const decided = whyAveraged(layer, inputs.isAveraged(layer.weight));
    if (decided === null && base !== undefined) systems.push(systemOf(inputs, settings, layer, base));
    else averaged.set(layer.weight, { layer: layer.module, reason: decided ?? reasons.unknownBase });
  }
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
