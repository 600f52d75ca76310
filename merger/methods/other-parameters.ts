/** @file Parameters that are no weights of linear layers, of methods that solve for those. */
import { z } from '../../shared/zod.ts';
import { meanStep } from './mean-step.ts';
import type { AveragedLayer, MergeInputs, MergeStep } from './merge-step.ts';
import type { Need } from './needs.ts';
import { option } from './option.ts';
import { type NormScale, normSteps } from './solved-norms.ts';
import { squaredChange } from './squared-change.ts';
import { taskVectorStep } from './task-vectors.ts';

/** What becomes of them. */
export const vectorsOption = option(z.enum(['mean', 'squared-change', 'norms']).default('mean'), {
  help: 'what becomes of all that is no linear layer: squared-change weighs agents by how far they moved it, norms solves for normalisation layers by their inputs',
  label: 'parameters of no linear layer',
  value: 'way',
});

/** How they are merged. */
export interface OtherParameters {
  readonly vectors: 'mean' | 'squared-change' | 'norms';
  /** How normalisation layers weigh agents; default `mean`. */
  readonly gramScale?: NormScale;
}

/** What merging them needs. */
export function needsOfVectors({ vectors }: OtherParameters): readonly Need[] {
  if (vectors === 'mean') return [];
  return vectors === 'norms' ? ['norms'] : ['base'];
}

/** What a method does with the linear layers. */
interface LayersDone {
  /** The weights that it solves for. */
  readonly solved: readonly string[];
  /** Those that it does not, by the name of their weight. */
  readonly averaged: ReadonlyMap<string, AveragedLayer>;
}

/** Steps for the parameters that the method does not solve for. */
export function otherSteps(
  inputs: MergeInputs,
  { vectors, gramScale = 'mean' }: OtherParameters,
  { solved, averaged }: LayersDone,
): readonly MergeStep[] {
  const norms = vectors === 'norms' ? normSteps(inputs, gramScale) : [];
  const done = new Set([...solved, ...norms.flatMap(({ parameters }) => parameters)]);
  const rest = inputs.parameters
    .filter((parameter) => !done.has(parameter))
    .map((parameter) => {
      const step =
        vectors === 'squared-change'
          ? {
              key: JSON.stringify([vectors, parameter]),
              ...taskVectorStep(inputs, parameter, squaredChange),
            }
          : meanStep(inputs, parameter);
      const layer = averaged.get(parameter);
      return layer === undefined ? step : { ...step, averaged: layer };
    });
  return [...norms, ...rest];
}
