/** @file The systems of linear layers whose inputs the change of their weights tells of. */

import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { Matrix } from '../../shared/linalg/matrix.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { layersOfBase } from './changed-layers.ts';
import { allFinite, notFinite } from './finite.ts';
import type { SolvedLayer } from './layer-groups.ts';
import type { MergeInputs } from './merge-step.ts';
import type { LayerSystem, LayerSystems } from './solve-system.ts';
import { type WeightCovarianceSettings, weightCovariance } from './weight-covariance.ts';
import { type WeightSumsMemory, weightSums, weightSumsMemory } from './weight-sums.ts';

/**
 * One system for each linear layer that the base holds, measured from the base's weights: every
 * layer's change is its own. Layers that began elsewhere, as new heads do, are averaged.
 */
export function weightSystems(inputs: MergeInputs, settings: WeightCovarianceSettings): LayerSystems {
  const { held, averaged } = layersOfBase(inputs);
  const memory = weightSumsMemory();
  const systems = held.map(({ layer, base }) => systemOf(inputs, { ...settings, memory }, layer, base));
  return { systems, averaged };
}

function systemOf(
  { contributions, coefficients, gemm }: MergeInputs,
  settings: WeightCovarianceSettings & { readonly memory: WeightSumsMemory },
  layer: SolvedLayer,
  base: TensorReader,
): LayerSystem {
  const { weight, inputs, outputs } = layer;
  const requireFinite = async (index: number, deviation: Matrix): Promise<void> => {
    if (allFinite(deviation.data)) return;
    const isBase = !allFinite(await base.readFloat64(weight));
    throw notFinite(isBase ? base.path : (contributions[index] as Contribution).agent, weight);
  };
  return {
    name: layer.module,
    dimension: inputs,
    layers: [layer],
    from: base,
    rows: contributions.map(() => null),
    sums() {
      const sums = weightSums(gemm, [inputs, outputs], settings, settings.memory);
      return {
        async add(index, deviation) {
          await requireFinite(index, deviation);
          await sums.add(deviation, coefficients[index] as number);
        },
        solve: sums.solve,
      };
    },
    async covarianceOf(index, deviation) {
      await requireFinite(index, deviation);
      const covariance = await weightCovariance(gemm, deviation, settings);
      const coefficient = coefficients[index] as number;
      for (let at = 0; at < covariance.data.length; at++) {
        covariance.data[at] = coefficient * (covariance.data[at] as number);
      }
      return covariance;
    },
  };
}
