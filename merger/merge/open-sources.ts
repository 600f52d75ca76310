/** @file Contributions that fit together, open to be merged in one way or in several. */
import {
  classParameters,
  contributionLayers,
  contributionTask,
} from '../../shared/contribution/contribution-layers.ts';
import { type Contribution, openContribution } from '../../shared/contribution/open-contribution.ts';
import { requireUnchanged } from '../../shared/contribution/require-unchanged.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { OpenModel } from '../../shared/formats/model-format.ts';
import { createGemm } from '../../shared/linalg/gemm.ts';
import type { LayerIndex } from '../../shared/models/layer-index.ts';
import { noteSurplus } from '../../shared/models/surplus-tensors.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { holdAdapters, type OpenAdapters, openAdapters } from '../adapters/open-adapters.ts';
import type { MergeInputs } from '../methods/merge-step.ts';
import { type ParameterSplit, splitParameters } from './excluded-parameters.ts';
import { type HeadPlan, planHeads, requireMergedClassRows } from './head-plan.ts';
import { type BaseUse, type MergeBase, openBase, requireInBase } from './merge-base.ts';
import { coefficientsOf, type ResolvedCommonOptions } from './merge-options.ts';
import { requireOneNetwork } from './networks.ts';
import { type AllowedDifference, requireSameFunction } from './same-function.ts';

/** What merges of the same contributions share, whatever their methods. */
export interface MergeSources extends Pick<MergeInputs, 'contributions' | 'coefficients' | 'gemm'> {
  readonly heads: HeadPlan;
  readonly split: ParameterSplit;
  readonly differences: readonly AllowedDifference[];
  /** Absent where none is given. */
  readonly base: OpenModel | undefined;
  /** There where the contributions are adapters, so that their merge is one. */
  readonly adapters: OpenAdapters | null;
  /** The models' linear layers; null for a family that is not known. */
  layers(): Promise<LayerIndex | null>;
  close(): Promise<void>;
}

/** What sources are opened for. */
export interface OpenSourcesOptions extends BaseUse {
  /** Whether the contributions' files are compared with their manifests. */
  readonly checkFiles: boolean;
}

/**
 * Opens contributions, and the base where one is given, and checks that they can be merged.
 *
 * @param folders contribution folders, or Hugging Face model folders with `grams.safetensors`
 * @throws RegmeanError when contributions, or the base, do not fit together
 */
export async function openSources(
  folders: readonly string[],
  options: ResolvedCommonOptions,
  { checkFiles, ...use }: OpenSourcesOptions,
  context: RunContext,
): Promise<MergeSources> {
  if (folders.length === 0) {
    throw new RegmeanError('usage', 'merge: needs at least one contribution, got none');
  }
  const contributions: Contribution[] = [];
  const gemm = createGemm(context.compute);
  let base: MergeBase | undefined;
  let adapters: OpenAdapters | null = null;
  const close = async (): Promise<void> => {
    for (const contribution of contributions) await contribution.close();
    await base?.model.close();
    await gemm.dispose();
  };
  try {
    if (await holdAdapters(folders)) {
      adapters = await openAdapters(folders, { base: options.base, checkBase: use.checkBase }, gemm);
      contributions.push(...adapters.contributions);
      base = { model: adapters.base, differences: [] };
    }
    for (const folder of adapters === null ? folders : []) contributions.push(await openContribution(folder));
    const agents = contributions.map(({ agent }) => agent);
    const coefficients = coefficientsOf(options, agents);
    const models = adapters === null ? contributions : [];
    await requireOneNetwork(models);
    for (const contribution of models) noteLeftOut(contribution, context);
    const heads = planHeads(contributions, options);
    const allowed = await requireSameFunction(models, options.heads, options.allowDifferent);
    const split = splitParameters(heads.parameters, options);
    requireMergedClassRows(heads, split.excluded);
    const first = contributions[0] as Contribution;
    base ??= await openBase(options, use, split.excluded, first);
    if (adapters !== null) requireFitting(adapters, options, split, first);
    for (const contribution of checkFiles ? contributions : []) await requireUnchanged(contribution);
    let layers: Promise<LayerIndex | null> | undefined;
    return {
      ...{ contributions, coefficients, gemm, heads, split, adapters, close },
      base: base?.model,
      differences: [...allowed, ...(base?.differences ?? [])],
      layers() {
        layers ??= adapters === null ? contributionLayers(first) : adapters.layers();
        return layers;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Says which tensors of a contribution its class has no place for: they are in no merge. */
function noteLeftOut(contribution: Contribution, context: RunContext): void {
  const own = classParameters(contribution);
  if (own === null) return;
  const { agent, model } = contribution;
  noteSurplus(
    { model: agent, task: contributionTask(contribution), surplus: model.surplusBeside(own) },
    context,
  );
}

/** Checks what is asked of a merge of adapters. */
function requireFitting(
  { base }: OpenAdapters,
  { heads }: ResolvedCommonOptions,
  { excluded }: ParameterSplit,
  first: Contribution,
): void {
  if (heads === 'separate') {
    throw new RegmeanError('unsupported', 'heads: must be united where adapters are merged, got separate', {
      hint: 'write the adapters as full models with `regmean adapter`: these are merged with heads of their own',
    });
  }
  for (const name of excluded) requireInBase(base, name, first);
}
