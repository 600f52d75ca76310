import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  classParameters,
  contributionLayers,
  contributionTask,
} from '../../shared/contribution/contribution-layers.ts';
import { type Contribution, openContribution } from '../../shared/contribution/open-contribution.ts';
import { requireUnchanged } from '../../shared/contribution/require-unchanged.ts';
import { describeFiles } from '../../shared/contribution/write-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { listFolder, writeFolderAtomically } from '../../shared/files/atomic-folder.ts';
import type { OpenModel } from '../../shared/formats/model-format.ts';
import { createGemm } from '../../shared/linalg/gemm.ts';
import { noteSurplus } from '../../shared/models/surplus-tensors.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { weightsFile } from '../../shared/safetensors/model-weights.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { classRowSteps } from '../heads/class-rows.ts';
import { scaledStep } from '../methods/delta-scale.ts';
import type { MergeInputs, MergeStep } from '../methods/merge-step.ts';
import { copyCompanions } from './companions.ts';
import { baseStep, openBase, type ParameterSplit, splitParameters } from './excluded-parameters.ts';
import { configChanges, type HeadPlan, planHeads, requireMergedClassRows, specsOf } from './head-plan.ts';
import { makeReport } from './make-report.ts';
import {
  coefficientsOf,
  type MergeOptions,
  type ResolvedMergeOptions,
  resolveMergeOptions,
} from './merge-options.ts';
import { type MergeReport, mergeReportFile, type SearchReport } from './merge-report.ts';
import { modelCard } from './model-card.ts';
import { requireOneNetwork } from './networks.ts';
import { requireSameFunction } from './same-function.ts';
import { writeAgentModels } from './separate-heads.ts';
import { writeWeights } from './write-weights.ts';

/** What is known of a merge beside its options. */
export interface MergeCircumstances {
  /** How the coefficients were found, for the report. */
  readonly search?: SearchReport;
  /**
   * Checks the contributions' files against their manifests first; a round's were checked when they
   * arrived.
   */
  readonly checkFiles?: boolean;
}

/**
 * Merges contributions into a Hugging Face model folder: config.json, model.safetensors (float32,
 * names and order of the first contribution), side files, a model card and merge-report.json.
 * One layer group is in memory at a time, so memory does not depend on the number of contributions.
 * The folder appears in one rename; equal inputs, options and threads give equal bytes.
 *
 * @param folders contribution folders, or Hugging Face model folders with `grams.safetensors`
 * @throws RegmeanError when options are wrong, contributions do not fit together, or a system
 *   cannot be solved
 */
export async function mergeContributions(
  folders: readonly string[],
  options: MergeOptions,
  context: RunContext,
  { search, checkFiles = false }: MergeCircumstances = {},
): Promise<MergeReport> {
  if (folders.length === 0) {
    throw new RegmeanError('usage', 'merge: needs at least one contribution, got none');
  }
  const resolved = resolveMergeOptions(options);
  const replace = await holdsEarlierMerge(options.out);
  const contributions: Contribution[] = [];
  const gemm = createGemm(context.compute);
  let base: OpenModel | undefined;
  try {
    for (const folder of folders) contributions.push(await openContribution(folder));
    const agents = contributions.map(({ agent }) => agent);
    const coefficients = coefficientsOf(resolved, agents);
    await requireOneNetwork(contributions);
    for (const contribution of contributions) noteLeftOut(contribution, context);
    const heads = planHeads(contributions, resolved);
    const differences = await requireSameFunction(contributions, resolved.heads, resolved.allowDifferent);
    const { merged, excluded } = splitParameters(heads.parameters, resolved);
    requireMergedClassRows(heads, excluded);
    const first = contributions[0] as Contribution;
    base = await openBase(resolved, excluded, first);
    for (const contribution of checkFiles ? contributions : []) await requireUnchanged(contribution);
    const { needs } = resolved.prepared;
    const asksForLayers = needs.includes('grams') || needs.includes('layers');
    const layers = asksForLayers ? await contributionLayers(first) : null;
    const inputs = { contributions, coefficients, base: base?.weights, gemm, layers };
    const steps = planSteps(resolved, heads, { merged, excluded }, inputs);
    return await writeFolderAtomically(
      options.out,
      async (folder) => {
        const specs = specsOf(first, heads);
        const groups = await writeWeights(
          { path: join(folder, weightsFile), specs, contributions, steps, out: options.out },
          context,
        );
        await copyCompanions(first.model, folder, configChanges(first, resolved, heads));
        await first.model.writeNetwork(folder);
        if (resolved.heads === 'separate') {
          await writeAgentModels(folder, contributions, new Set(heads.parameters));
        }
        const files = await describeFiles(folder);
        const report = makeReport({
          ...{ options: resolved, contributions, coefficients, heads, merged, excluded, steps, groups },
          ...{ files, search: search ?? null, layers, differences },
        });
        await writeFile(join(folder, mergeReportFile), `${JSON.stringify(report, undefined, 2)}\n`);
        await writeFile(join(folder, 'README.md'), modelCard(report));
        return report;
      },
      { replace },
    );
  } finally {
    for (const contribution of contributions) await contribution.close();
    await base?.close();
    await gemm.dispose();
  }
}

/** The steps of a merge: the method's, those of rows per class, and what the base keeps. */
function planSteps(
  { prepared, average, scale }: ResolvedMergeOptions,
  { classRows, united }: HeadPlan,
  { merged, excluded }: ParameterSplit,
  inputs: Pick<MergeInputs, 'contributions' | 'coefficients' | 'base' | 'layers' | 'gemm'>,
): readonly MergeStep[] {
  const common = {
    ...inputs,
    allParameters: merged,
    isAveraged: (parameter: string) => average.some((pattern) => pattern.test(parameter)),
  };
  const whole = merged.filter((name) => !classRows.has(name));
  const byClass = merged.filter((name) => classRows.has(name));
  return [
    ...prepared.steps({ ...common, parameters: whole }).map((step) => scaledStep(step, inputs, scale)),
    ...(united === null ? [] : classRowSteps(prepared.steps, { ...common, parameters: byClass }, united)),
    ...excluded.map((parameter) => baseStep(inputs.base as TensorReader, parameter)),
  ];
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

/** Whether `out` holds an earlier merge, which can be made again and so may be replaced. */
async function holdsEarlierMerge(out: string): Promise<boolean> {
  const names = (await listFolder(out)) ?? [];
  if (names.length === 0 || names.includes(mergeReportFile)) return names.length > 0;
  throw new RegmeanError(
    'usage',
    `${out}: must be a new or empty folder or an earlier merge, holds ${names[0]}`,
    {
      hint: 'choose another folder with --out',
    },
  );
}
