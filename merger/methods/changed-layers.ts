/** @file The linear layers that the base holds, and how far each agent's weights went from it. */

import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { addScaled, type Matrix, zeros } from '../../shared/linalg/matrix.ts';
import type { LayerIndex } from '../../shared/models/layer-index.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { reasons, whyAveraged } from './averaged-layers.ts';
import { baseOf } from './base-values.ts';
import { allFinite, notFinite } from './finite.ts';
import { type SolvedLayer, weightsIn } from './layer-groups.ts';
import type { AveragedLayer, MergeInputs, MergeOutput, MergeStep } from './merge-step.ts';
import type { Need } from './needs.ts';
import { needsOfVectors, type OtherParameters, otherSteps } from './other-parameters.ts';
import { readStack, writeStack } from './stacked-weights.ts';
import { relativeToMean } from './task-vectors.ts';

/** A layer with its weights before fine-tuning. */
export interface LayerOfBase {
  readonly layer: SolvedLayer;
  readonly base: TensorReader;
}

/** What becomes of the linear layers where changes from the base are merged. */
export interface LayersOfBase {
  readonly held: readonly LayerOfBase[];
  /** Those that are averaged, by the name of their weight: new heads, tables, what is asked for. */
  readonly averaged: ReadonlyMap<string, AveragedLayer>;
}

/**
 * The linear layers that the base holds; those that began elsewhere, as new heads, are averaged.
 */
export function layersOfBase(inputs: MergeInputs): LayersOfBase {
  const averaged = new Map<string, AveragedLayer>();
  const held: LayerOfBase[] = [];
  for (const layer of weightsIn(inputs, (inputs.layers as LayerIndex).layers)) {
    const base = baseOf(inputs, layer.weight);
    const decided = whyAveraged(layer, inputs.isAveraged(layer.weight));
    if (decided === null && base !== undefined) held.push({ layer, base });
    else averaged.set(layer.weight, { layer: layer.module, reason: decided ?? reasons.unknownBase });
  }
  return { held, averaged };
}

/** The changes of one layer, read one after the other. */
export interface LayerChanges {
  readonly layer: SolvedLayer;
  /** W_0 [n, d]; the agents' mean where the base has no such layer. */
  readonly origin: Matrix;
  /** What each agent counts: coefficients relative to their mean, so that equal ones are 1. */
  readonly weights: readonly number[];
  /**
   * D_i = W_i - W_0 [n, d]
   *
   * @throws RegmeanError `invalid-input` naming whose weights are not finite
   */
  readChange(index: number): Promise<Matrix>;
}

/** How a method merges the changes of a layer. */
export interface ChangeMethod {
  /** About how much memory that takes at most, in float64 values. */
  values(layer: SolvedLayer): number;
  /** What is added to the base, [n, d]. */
  merge(changes: LayerChanges): Promise<Matrix>;
}

/**
 * What such methods need: the base that layers changed from, and what the other parameters need.
 */
export function needsOfChanges(settings: OtherParameters): readonly Need[] {
  return [...new Set<Need>(['layers', 'base', ...needsOfVectors(settings)])];
}

/** A step for each layer that the base holds, and for all other parameters. */
export function layerChangeSteps(
  inputs: MergeInputs,
  settings: OtherParameters,
  { values, merge }: ChangeMethod,
): readonly MergeStep[] {
  const { held, averaged } = layersOfBase(inputs);
  return [
    ...held.map(({ layer }) => ({
      name: layer.module,
      parameters: [layer.weight],
      isCombined: true as const,
      bytes: 8 * values(layer),
      async run(output: MergeOutput) {
        const changes = await changesOf(inputs, layer);
        const merged = await merge(changes);
        addScaled(merged, 1, changes.origin);
        await writeStack(merged, [layer], output);
        return undefined;
      },
    })),
    ...otherSteps(inputs, settings, { solved: held.map(({ layer }) => layer.weight), averaged }),
  ];
}

/**
 * The changes of a layer from the base; from the agents' mean where the base has no such layer.
 *
 * @throws RegmeanError `invalid-input` when the base's weights are not finite
 */
export async function changesOf(inputs: MergeInputs, layer: SolvedLayer): Promise<LayerChanges> {
  const { contributions, coefficients } = inputs;
  const base = baseOf(inputs, layer.weight);
  const stack = { dimension: layer.inputs, layers: [layer] };
  const readFinite = async (reader: TensorReader, whose: string): Promise<Matrix> => {
    const values = await readStack(reader, stack);
    if (!allFinite(values.data)) throw notFinite(whose, layer.weight);
    return values;
  };
  const readOwn = (index: number): Promise<Matrix> => {
    const { agent, weights } = contributions[index] as Contribution;
    return readFinite(weights, agent);
  };
  const weights = relativeToMean(coefficients);
  let origin: Matrix;
  if (base !== undefined) origin = await readFinite(base, base.path);
  else {
    origin = zeros(layer.outputs, layer.inputs);
    for (const [index, weight] of weights.entries()) {
      addScaled(origin, weight / weights.length, await readOwn(index));
    }
  }
  return {
    layer,
    origin,
    weights,
    async readChange(index) {
      const change = await readOwn(index);
      addScaled(change, -1, origin);
      return change;
    },
  };
}

/** sum_i w_i D_i [n, d] */
export async function sumOfChanges({ layer, weights, readChange }: LayerChanges): Promise<Matrix> {
  const sum = zeros(layer.outputs, layer.inputs);
  for (const [index, weight] of weights.entries()) addScaled(sum, weight, await readChange(index));
  return sum;
}
