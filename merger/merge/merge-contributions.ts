import { constants } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toolVersion } from '../../shared/cli/version.ts';
import { companionFilesOf } from '../../shared/contribution/model-files.ts';
import { type Contribution, openContribution } from '../../shared/contribution/open-contribution.ts';
import { describeFiles } from '../../shared/contribution/write-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { listFolder, writeFolderAtomically } from '../../shared/files/atomic-folder.ts';
import { createGemm } from '../../shared/linalg/gemm.ts';
import { isFloatDtype } from '../../shared/safetensors/dtype.ts';
import { weightsFile } from '../../shared/safetensors/model-weights.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import {
  fillSafetensors,
  type SafetensorsSink,
  type TensorSpec,
} from '../../shared/safetensors/write-safetensors.ts';
import { sizeOf } from '../../shared/tensor.ts';
import { requireCompatible } from './compatibility.ts';
import { baseStep, openBase, splitParameters } from './excluded-parameters.ts';
import { type MergeOptions, type ResolvedMergeOptions, resolveMergeOptions } from './merge-options.ts';
import {
  type LayerGroupReport,
  type MergedAgentReport,
  type MergeReport,
  mergeReportFile,
} from './merge-report.ts';
import { modelCard } from './model-card.ts';
import { strategies } from './strategies.ts';
import type { MergeOutput, MergeStep } from './strategy.ts';

/** How far a merge has come. */
export interface MergeProgress {
  /** The layer group or parameter that is being merged. */
  readonly step: string;
  /** Weights merged so far, of `total`. */
  readonly done: number;
  readonly total: number;
}

/**
 * Merges contributions into a Hugging Face model folder: config.json, model.safetensors (float32, names and order of
 * the first contribution), tokenizer files, a model card and merge-report.json. One layer group is in memory at a
 * time, so memory does not depend on the number of contributions. The folder appears in one rename; equal inputs,
 * options and threads give equal bytes.
 *
 * @param folders contribution folders, or Hugging Face model folders with `grams.safetensors`
 * @throws RegmeanError when options are wrong, contributions do not fit together, or a system cannot be solved
 */
export async function mergeContributions(
  folders: readonly string[],
  options: MergeOptions,
  { onProgress = () => {} }: { onProgress?: (progress: MergeProgress) => void } = {},
): Promise<MergeReport> {
  const resolved = resolveMergeOptions(options, folders.length);
  const replace = await holdsEarlierMerge(options.out);
  const contributions: Contribution[] = [];
  const gemm = createGemm(options.threads === undefined ? {} : { threads: options.threads });
  let base: TensorReader | undefined;
  try {
    for (const folder of folders) contributions.push(await openContribution(folder));
    const { merged, excluded } = splitParameters(requireCompatible(contributions), resolved.exclude);
    const first = contributions[0] as Contribution;
    base = await openBase(options.base, excluded, first);
    const steps = [
      ...strategies[resolved.method]({ ...resolved, contributions, parameters: merged, gemm }),
      ...excluded.map((parameter) => baseStep(base as TensorReader, parameter)),
    ];
    return await writeFolderAtomically(
      options.out,
      async (folder) => {
        const groups = await writeWeights(join(folder, weightsFile), contributions, steps, onProgress);
        await copyCompanions(first.folder, folder);
        const files = await describeFiles(folder);
        const report = makeReport(resolved, contributions, merged, excluded, groups, files);
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
  contributions: readonly Contribution[],
  steps: readonly MergeStep[],
  onProgress: (progress: MergeProgress) => void,
): Promise<readonly LayerGroupReport[]> {
  const { weights } = contributions[0] as Contribution;
  const specs: TensorSpec[] = [...weights.tensors].map(([name, { shape, dtype }]) => ({
    name,
    shape,
    dtype: isFloatDtype(dtype) ? 'F32' : dtype,
  }));
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
    for (const step of steps) {
      onProgress({ step: step.name, done, total });
      const group = await step.run(checkFinite(sink, contributions));
      if (group !== undefined) groups.push(group);
      done += sizeOfStep(step);
    }
    onProgress({ step: weightsFile, done, total });
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

/** Says whose weights are not finite; when all are, the values are too large for the computation. */
async function notFinite(name: string, contributions: readonly Contribution[]): Promise<RegmeanError> {
  for (const { agent, weights } of contributions) {
    if (allFinite(await weights.readFloat64(name))) continue;
    return new RegmeanError('invalid-input', `${agent}: parameter ${name} must be finite, is not`);
  }
  return new RegmeanError('numerical', `parameter ${name}: merged values must be finite, are not`, {
    hint: 'check the Grams of this layer for values that are not finite',
  });
}

/** Copies configuration and tokenizer; the configuration without the path it was loaded from, and with its new dtype. */
async function copyCompanions(from: string, to: string): Promise<void> {
  for (const name of await companionFilesOf(from)) {
    if (name !== 'config.json') await copyFile(join(from, name), join(to, name), constants.COPYFILE_FICLONE);
  }
  const { _name_or_path, ...config } = JSON.parse(await readFile(join(from, 'config.json'), 'utf8'));
  for (const key of ['torch_dtype', 'dtype']) if (key in config) config[key] = 'float32';
  await writeFile(join(to, 'config.json'), `${JSON.stringify(config, undefined, 2)}\n`);
}

function makeReport(
  { method, alpha, gramScale, coefficients }: ResolvedMergeOptions,
  contributions: readonly Contribution[],
  merged: readonly string[],
  excluded: readonly string[],
  groups: readonly LayerGroupReport[],
  files: MergeReport['files'],
): MergeReport {
  const solved = groups.reduce((sum, { layers }) => sum + layers.length, 0);
  const known = <T>(property: (contribution: Contribution) => T | undefined): T | null =>
    contributions.map(property).find((value) => value !== undefined) ?? null;
  return {
    format: 'regmean-merge/1',
    tool: toolVersion,
    method,
    alpha: method === 'regmean' ? alpha : null,
    gramScale: method === 'regmean' ? gramScale : null,
    baseFingerprint: known(({ manifest }) => manifest?.baseFingerprint),
    task: known(({ manifest }) => manifest?.task),
    labels: known(({ manifest, labels }) => manifest?.labels ?? labels),
    agents: contributions.map((contribution, index) =>
      reportAgent(contribution, coefficients[index] as number),
    ),
    parameters: { solved, averaged: merged.length - solved, excluded },
    groups,
    files,
  };
}

function reportAgent({ agent, manifest, grams }: Contribution, coefficient: number): MergedAgentReport {
  const rows = [...(grams?.grams.values() ?? [])].flatMap((gram) => gram.rows ?? []);
  return {
    agent,
    coefficient,
    rows: rows.length === 0 ? null : { min: Math.min(...rows), max: Math.max(...rows) },
    trainingExamples: manifest?.trainingExamples ?? null,
    metrics: manifest?.metrics ?? {},
  };
}
