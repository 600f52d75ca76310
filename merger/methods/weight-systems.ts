/** @file The systems of linear layers whose inputs the change of their weights tells of. */

import type { LayerIndex } from '../../shared/models/layer-index.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { reasons, whyAveraged } from './averaged-layers.ts';
import { baseOf } from './base-values.ts';
import { weightsIn } from './layer-groups.ts';
import type { AveragedLayer, MergeInputs } from './merge-step.ts';
import type { LayerSystem, LayerSystems } from './solve-system.ts';
import { type WeightCovarianceSettings, weightCovariance } from './weight-covariance.ts';

/**
 * One system for each linear layer that the base holds, measured from the base's weights: every
 * layer's change is its own. Layers that began elsewhere, as new heads do, are averaged.
 */
export function weightSystems(inputs: MergeInputs, settings: WeightCovarianceSettings): LayerSystems {
  const { contributions, coefficients, gemm } = inputs;
  const averaged = new Map<string, AveragedLayer>();
  const systems: LayerSystem[] = [];
  for (const layer of weightsIn(inputs, (inputs.layers as LayerIndex).layers)) {
    const base = baseOf(inputs, layer.weight);
    const decided = whyAveraged(layer, inputs.isAveraged(layer.weight));
    const reason = decided ?? (base === undefined ? reasons.unknownBase : null);
    if (reason !== null) {
      averaged.set(layer.weight, { layer: layer.module, reason });
      continue;
    }
    systems.push({
      name: layer.module,
      dimension: layer.inputs,
      layers: [layer],
      from: base as TensorReader,
      rows: contributions.map(() => null),
      async covarianceOf(index, deviation) {
        const covariance = await weightCovariance(gemm, deviation, settings);
        const coefficient = coefficients[index] as number;
        for (let at = 0; at < covariance.data.length; at++) {
          covariance.data[at] = coefficient * (covariance.data[at] as number);
        }
        return covariance;
      },
    });
  }
  return { systems, averaged };
}
