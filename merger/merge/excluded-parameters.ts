import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { OpenModel } from '../../shared/formats/model-format.ts';
import { openModel } from '../../shared/formats/open-model.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { formatShape, sameShape, sizeOf } from '../../shared/tensor.ts';
import type { MergeStep } from '../methods/merge-step.ts';
import { needsBase } from '../methods/needs.ts';
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

/**
 * Opens the base model: for a method that needs it, and for the parameters that keep its values;
 * nothing when nobody asks for it.
 *
 * @param isNeeded whether a method needs it
 * @throws RegmeanError `usage` without a base; `invalid-input` when it is not the contributions'
 *   base, or lacks a parameter
 */
export async function openBase(
  { base: folder, scale }: Pick<ResolvedCommonOptions, 'base' | 'scale'>,
  isNeeded: boolean,
  excluded: readonly string[],
  first: Contribution,
): Promise<OpenModel | undefined> {
  if (excluded.length === 0 && scale === 1 && !isNeeded) return undefined;
  if (folder === undefined) {
    if (scale !== 1) throw needsBase('scale:');
    // What a method lacks is said with all that it needs.
    if (excluded.length === 0) return undefined;
    throw new RegmeanError('usage', `${excluded[0]}: keeps the base's value, but no base is given`, {
      hint: 'give the base model folder with --base',
    });
  }
  const base = await openModel(folder);
  try {
    for (const name of excluded) requireInBase(base, name, first);
    const expected = first.manifest?.baseFingerprint;
    if (expected === undefined) return base;
    if (await base.isIdentifiedBy(expected)) return base;
    const actual = await base.fingerprint();
    throw new RegmeanError(
      'invalid-input',
      `${folder}: must be the base ${expected}, its fingerprint is ${actual}`,
    );
  } catch (error) {
    await base.close();
    throw error;
  }
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

function requireInBase(base: OpenModel, name: string, { agent, weights }: Contribution): void {
  const entry = base.weights.tensors.get(name);
  if (entry === undefined) {
    throw new RegmeanError('invalid-input', `${base.path}: no parameter ${name}, which is excluded`, {
      hint: 'a base without a task head has no values for the head: merge the head too',
    });
  }
  const shape = weights.tensors.get(name)?.shape ?? [];
  if (sameShape(entry.shape, shape)) return;
  const shapes = `${formatShape(shape)} as for ${agent}, got ${formatShape(entry.shape)}`;
  throw new RegmeanError('invalid-input', `${base.path}: parameter ${name} must be ${shapes}`);
}
