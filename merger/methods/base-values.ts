/** @file The values that parameters had before the agents changed them. */

import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { sameShape } from '../../shared/tensor.ts';
import type { MergeInputs } from './merge-step.ts';

/**
 * The base where it holds a parameter in the shape that the contributions have: a new head, or one
 * of other classes, began elsewhere.
 */
export function baseOf(
  { base, contributions }: Pick<MergeInputs, 'base' | 'contributions'>,
  parameter: string,
): TensorReader | undefined {
  const own = base?.tensors.get(parameter);
  const shape = (contributions[0] as Contribution).weights.tensors.get(parameter)?.shape;
  return own !== undefined && shape !== undefined && sameShape(own.shape, shape) ? base : undefined;
}
