/** @file The base of a merge: opened where one is given, and checked to be the contributions'. */
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { OpenModel } from '../../shared/formats/model-format.ts';
import { openModel } from '../../shared/formats/open-model.ts';
import { formatShape, sameShape } from '../../shared/tensor.ts';
import { needsBase as lacksBase } from '../methods/needs.ts';
import type { ResolvedCommonOptions } from './merge-options.ts';
import { requireOneNetwork } from './networks.ts';
import { type AllowedDifference, requireSameFunction } from './same-function.ts';

/** What is asked of a base. */
export interface BaseUse {
  /** Whether a method needs it. */
  readonly needsBase: boolean;
  /** Whether its fingerprint is compared with the contributions'. */
  readonly checkBase: boolean;
}

/** A base, and in what it may differ from the contributions. */
export interface MergeBase {
  readonly model: OpenModel;
  readonly differences: readonly AllowedDifference[];
}

/**
 * Opens the base model and checks that it is the contributions' base; nothing where none is given.
 * Where its values are used it must also be the same function as the contributions.
 *
 * @throws RegmeanError `usage` where values of a base are used that is not given; `invalid-input`
 *   when it is not the contributions' base, lacks a parameter, or equal weights mean something else
 *   in it
 */
export async function openBase(
  { base: folder, scale, allowDifferent }: Pick<ResolvedCommonOptions, 'base' | 'scale' | 'allowDifferent'>,
  { needsBase, checkBase }: BaseUse,
  excluded: readonly string[],
  first: Contribution,
): Promise<MergeBase | undefined> {
  if (folder === undefined) {
    if (scale !== 1) throw lacksBase('scale:');
    // What a method lacks is said with all that it needs.
    if (excluded.length === 0) return undefined;
    throw new RegmeanError('usage', `${excluded[0]}: keeps the base's value, but no base is given`, {
      hint: 'give the base model folder with --base',
    });
  }
  const model = await openModel(folder);
  try {
    for (const name of excluded) requireInBase(model, name, first);
    if (checkBase) await requireIdentified(model, first);
    if (excluded.length === 0 && scale === 1 && !needsBase) {
      return { model, differences: [] };
    }
    const compared = [{ agent: 'the base', model }, first];
    await requireOneNetwork(compared);
    // A base may have another head, or none.
    return { model, differences: await requireSameFunction(compared, 'separate', allowDifferent) };
  } catch (error) {
    await model.close();
    throw error;
  }
}

async function requireIdentified(base: OpenModel, { manifest }: Contribution): Promise<void> {
  if (manifest === undefined || (await base.isIdentifiedBy(manifest.baseFingerprint))) return;
  const actual = await base.fingerprint();
  throw new RegmeanError(
    'invalid-input',
    `${base.path}: must be the base ${manifest.baseFingerprint}, its fingerprint is ${actual}`,
  );
}

/**
 * Checks that a base holds a parameter that keeps its values.
 *
 * @throws RegmeanError `invalid-input` naming the parameter
 */
export function requireInBase(base: OpenModel, name: string, { agent, weights }: Contribution): void {
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
