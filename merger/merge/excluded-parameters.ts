import { RegmeanError } from '../../shared/errors.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { sizeOf } from '../../shared/tensor.ts';
import type { MergeStep } from '../methods/merge-step.ts';
import type { ResolvedCommonOptions } from './merge-options.ts';

/**
 * The parameters that a pattern matches, which keep the base's values, and the others, which are
 * merged.
 */
export interface ParameterSplit {
  readonly merged: readonly string[];
  readonly excluded: readonly string[];
}

/**
 * Divides parameters by the patterns of `include` and `exclude`.
 *
 * @throws RegmeanError `usage` when a pattern matches nothing: it is most likely mistyped
 */
export function splitParameters(
  parameters: readonly string[],
  { include, exclude, average }: Pick<ResolvedCommonOptions, 'include' | 'exclude' | 'average'>,
): ParameterSplit {
  for (const [option, patterns] of Object.entries({ include, exclude, average })) {
    const useless = patterns.find((pattern) => !parameters.some((name) => pattern.test(name)));
    if (useless === undefined) continue;
    throw new RegmeanError('usage', `${option}: must match a parameter, ${useless.source} matches none`);
  }
  const matches = (patterns: readonly RegExp[], name: string): boolean =>
    patterns.some((pattern) => pattern.test(name));
  const isExcluded = (name: string): boolean =>
    matches(exclude, name) || (include.length > 0 && !matches(include, name));
  return {
    merged: parameters.filter((name) => !isExcluded(name)),
    excluded: parameters.filter(isExcluded),
  };
}

/** The step that copies a parameter from the base. */
export function baseStep(base: TensorReader, parameter: string): MergeStep {
  return {
    name: parameter,
    parameters: [parameter],
    bytes: 4 * sizeOf(base.tensors.get(parameter)?.shape ?? [0]),
    async run(output) {
      await output.write(parameter, (await base.readFloat32(parameter)).data);
      return undefined;
    },
  };
}
