import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contributionLayers } from '../../shared/contribution/contribution-layers.ts';
import { type Contribution, openContribution } from '../../shared/contribution/open-contribution.ts';
import { requireUnchanged } from '../../shared/contribution/require-unchanged.ts';
import { describeFiles } from '../../shared/contribution/write-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { listFolder, writeFolderAtomically } from '../../shared/files/atomic-folder.ts';
import type { OpenModel } from '../../shared/formats/model-format.ts';
import { createGemm } from '../../shared/linalg/gemm.ts';
import { type RunContext, stopIfAsked } from '../../shared/runtime/run-context.ts';
import { isFloatDtype } from '../../shared/safetensors/dtype.ts';
import { weightsFile } from '../../shared/safetensors/model-weights.ts';
import {
  fillSafetensors,
  type SafetensorsSink,
  type TensorSpec,
} from '../../shared/safetensors/write-safetensors.ts';
import { sizeOf } from '../../shared/tensor.ts';
import { classRowSteps } from '../heads/class-rows.ts';
import { configChanges, planHeads, requireMergedClassRows, specsOf } from '../heads/head-plan.ts';
import { writeAgentModels } from '../heads/separate-heads.ts';
import type { MergeOutput, MergeStep } from '../methods/merge-step.ts';
import { strategies } from '../methods/registry.ts';
import { copyCompanions } from './companions.ts';
import { baseStep, openBase, splitParameters } from './excluded-parameters.ts';
import { makeReport } from './make-report.ts';
import { type MergeOptions, resolveMergeOptions } from './merge-options.ts';
import {
  type LayerGroupReport,
  type MergeReport,
  mergeReportFile,
  type SearchReport,
} from './merge-report.ts';
import { modelCard } from './model-card.ts';
import { requireOneNetwork } from './networks.ts';

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
  const resolved = resolveMergeOptions(options, folders.length);
  const replace = await holdsEarlierMerge(options.out);
  const contributions: Contribution[] = [];
  const gemm = createGemm(context.compute);
  let base: OpenModel | undefined;
  try {
    for (const folder of folders) contributions.push(await openContribution(folder));
    await requireOneNetwork(contributions);
    const plan = planHeads(contributions, resolved);
    const { merged, excluded } = splitParameters(plan.parameters, resolved);
    requireMergedClassRows(plan, excluded);
    const first = contributions[0] as Contribution;
    base = await openBase(options.base, excluded, first);
    for (const contribution of checkFiles ? contributions : []) await requireUnchanged(contribution);
    const strategy = strategies[resolved.method];
    const layers = resolved.method === 'regmean' ? await contributionLayers(first) : null;
    const inputs = { ...resolved, contributions, allParameters: merged, layers, gemm };
    const steps = [
      ...strategy({ ...inputs, parameters: merged.filter((name) => !plan.classRows.has(name)) }),
      ...(plan.united === null
        ? []
        : classRowSteps(
            strategy,
            { ...inputs, parameters: merged.filter((name) => plan.classRows.has(name)) },
            plan.united,
          )),
      ...excluded.map((parameter) => baseStep(base as OpenModel, parameter)),
    ];
    return await writeFolderAtomically(
      options.out,
      async (folder) => {
        const specs = specsOf(first, plan);
        const groups = await writeWeights(
          join(folder, weightsFile),
          specs,
          contributions,
          steps,
          context,
          options.out,
        );
        await copyCompanions(first.model, folder, configChanges(resolved, plan));
        await first.model.writeNetwork(folder);
        if (resolved.heads === 'separate') {
          await writeAgentModels(folder, contributions, new Set(plan.parameters));
        }
        const files = await describeFiles(folder);
        const report = makeReport(
          resolved,
          contributions,
          plan,
          merged,
          excluded,
          groups,
          files,
          search ?? null,
        );
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

async function writeWeights(
  path: string,
  specs: readonly TensorSpec[],
  contributions: readonly Contribution[],
  steps: readonly MergeStep[],
  context: RunContext,
  out: string,
): Promise<readonly LayerGroupReport[]> {
  const { weights } = contributions[0] as Contribution;
  const sizes = new Map(specs.map(({ name, shape }) => [name, sizeOf(shape)]));
  const sizeOfStep = ({ parameters }: MergeStep): number =>
    parameters.reduce((sum, parameter) => sum + (sizes.get(parameter) ?? 0), 0);
  const total = steps.reduce((sum, step) => sum + sizeOfStep(step), 0);
  const groups: LayerGroupReport[] = [];
  await fillSafetensors(path, specs, { format: 'pt' }, async (sink) => {
    for (const { name, dtype } of specs) {
      if (!isFloatDtype(dtype)) await sink.write(name, await weights.readBytes(name));
    }
    let done = 0;
    const progress = context.progress({ label: 'merging', total, unit: 'weights' });
    for (const step of steps) {
      stopIfAsked(context, () => `merge: stopped at ${step.name}, nothing was written`);
      progress.update(done, step.name);
      const group = await step.run(checkFinite(sink, contributions));
      if (group !== undefined) groups.push(group);
      done += sizeOfStep(step);
    }
    progress.update(done, weightsFile);
    progress.finish(out);
  });
  return groups;
}

/** Lets only finite values through. */
function checkFinite(sink: SafetensorsSink, contributions: readonly Contribution[]): MergeOutput {
  return {
    async write(name, data, start) {
      if (!allFinite(data)) throw await notFinite(name, contributions);
      await sink.write(name, data, start);
    },
  };
}

function allFinite(data: Float32Array | Float64Array): boolean {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return false;
  return true;
}

/**
 * Says whose weights are not finite; when all are, the values are too large for the computation.
 */
async function notFinite(name: string, contributions: readonly Contribution[]): Promise<RegmeanError> {
  for (const { agent, weights } of contributions) {
    if (allFinite(await weights.readFloat64(name))) continue;
    return new RegmeanError('invalid-input', `${agent}: parameter ${name} must be finite, is not`);
  }
  return new RegmeanError('numerical', `parameter ${name}: merged values must be finite, are not`, {
    hint: 'check the Grams of this layer for values that are not finite',
  });
}
