/** @file Parameters that are no weights of linear layers, of methods that solve for those. */
import { z } from '../../shared/zod.ts';
import { meanStep } from './mean-step.ts';
import type { AveragedLayer, MergeInputs, MergeStep } from './merge-step.ts';
import { option } from './option.ts';
import { squaredChange } from './squared-change.ts';
import { taskVectorStep } from './task-vectors.ts';

/** What becomes of them. */
export const vectorsOption = option(z.enum(['mean', 'squared-change']).default('mean'), {
  help: 'what becomes of all that is no linear layer: squared-change weighs agents by how far they moved it',
  label: 'parameters of no linear layer',
  value: 'way',
});

/** How they are merged. */
export interface OtherParameters {
  readonly vectors: 'mean' | 'squared-change';
}

/** What a method does with the linear layers. */
interface LayersDone {
  /** The weights that it solves for. */
  readonly solved: readonly string[];
  /** Those that it does not, by the name of their weight. */
  readonly averaged: ReadonlyMap<string, AveragedLayer>;
}

/** A step for each parameter that the method does not solve for. */
export function otherSteps(
  inputs: MergeInputs,
  { vectors }: OtherParameters,
  { solved, averaged }: LayersDone,
): readonly MergeStep[] {
  const done = new Set(solved);
  return inputs.parameters
    .filter((parameter) => !done.has(parameter))
    .map((parameter) => {
      const step =
        vectors === 'mean'
          ? meanStep(inputs, parameter)
          : {
              key: JSON.stringify([vectors, parameter]),
              ...taskVectorStep(inputs, parameter, squaredChange),
            };
      const layer = averaged.get(parameter);
      return layer === undefined ? step : { ...step, averaged: layer };
    });
}
