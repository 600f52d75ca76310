/** @file What a merge makes of heads: one for all classes, or none beside agents' own. */
import { classParameters, contributionTask } from '../../shared/contribution/contribution-layers.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { type ConfigChanges, classMembers, withoutHead } from '../../shared/models/written-config.ts';
import { isFloatDtype } from '../../shared/safetensors/dtype.ts';
import type { TensorSpec } from '../../shared/safetensors/write-safetensors.ts';
import { classRowParameters } from '../heads/head-parameters.ts';
import { type UnitedLabels, uniteLabels } from '../heads/label-spaces.ts';
import type { CommonOptions } from '../methods/common-options.ts';
import { requireCompatible, requireOneTask } from './compatibility.ts';
import { requireFolderNames } from './separate-heads.ts';

type HeadOptions = Pick<CommonOptions, 'heads'>;

/** What is merged, and what becomes of heads. */
export interface HeadPlan {
  /** All parameters of the fused model. */
  readonly parameters: readonly string[];
  /** Null when all heads have the same classes, or are kept apart. */
  readonly united: UnitedLabels | null;
  /** Parameters with a row per class, where label spaces are united. */
  readonly classRows: ReadonlySet<string>;
}

/**
 * Decides what becomes of heads.
 *
 * @throws RegmeanError when contributions do not fit together
 */
export function planHeads(contributions: readonly Contribution[], { heads }: HeadOptions): HeadPlan {
  if (heads === 'separate') {
    requireFolderNames(contributions);
    const parameters = requireCompatible(contributions, 'separate', new Set());
    return { parameters, united: null, classRows: new Set() };
  }
  requireOneTask(contributions);
  const united = uniteLabels(contributions);
  const first = contributions[0] as Contribution;
  if (united !== null && first.model.hasFixedHead) {
    throw new RegmeanError(
      'unsupported',
      `labels: must be the same in one order, the outputs of ${first.model.kind} cannot be changed`,
      { hint: 'fine-tune all agents with the same --labels' },
    );
  }
  const classRows = united === null ? new Set<string>() : classRowParameters(contributions);
  return { parameters: requireCompatible(contributions, 'united', classRows), united, classRows };
}

/**
 * Checks that no parameter with a row per class keeps the base's rows where label spaces are
 * united: the base has none for the united classes.
 *
 * @throws RegmeanError `usage`, naming the parameter
 */
export function requireMergedClassRows({ classRows }: HeadPlan, excluded: readonly string[]): void {
  const kept = excluded.find((name) => classRows.has(name));
  if (kept === undefined) return;
  throw new RegmeanError('usage', `exclude: ${kept} has a row per class, and the agents' classes differ`, {
    hint: 'merge the head too, or keep heads apart with --heads separate',
  });
}

/**
 * Tensors of the fused model as they are stored: by name, so that equal models give equal bytes
 * however theirs are called and ordered. Of a family that is not known they are the first
 * contribution's, tensors of integers too.
 */
export function specsOf(
  contribution: Contribution,
  { parameters, united, classRows }: HeadPlan,
): TensorSpec[] {
  const wanted = new Set(parameters);
  const isKnown = classParameters(contribution) !== null;
  const stored = [...contribution.weights.tensors].filter(
    ([name, { dtype }]) => wanted.has(name) || (!isKnown && !isFloatDtype(dtype)),
  );
  const ordered = isKnown ? stored.sort(([a], [b]) => (a < b ? -1 : 1)) : stored;
  return ordered.map(([name, { shape, dtype }]) => ({
    name,
    shape: united !== null && classRows.has(name) ? [united.names.length, ...shape.slice(1)] : shape,
    dtype: isFloatDtype(dtype) ? 'F32' : dtype,
  }));
}

/** What config.json says differently of the fused model than of the first contribution. */
export function configChanges(
  first: Contribution,
  { heads }: HeadOptions,
  { united }: HeadPlan,
): ConfigChanges {
  if (heads === 'separate') return withoutHead;
  return { ...classChanges(first), ...(united === null ? {} : classMembers(united.names)) };
}

/**
 * The class whose parameters are written, where config.json is of a checkpoint without its head.
 */
function classChanges(contribution: Contribution): ConfigChanges {
  const { model, manifest } = contribution;
  const className = manifest === undefined ? null : model.className(contributionTask(contribution));
  const { architectures } = model.config.json;
  const named: readonly unknown[] = Array.isArray(architectures) ? architectures : [];
  return className === null || named.includes(className) ? {} : { architectures: [className] };
}
