import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeFiles } from '../../shared/contribution/write-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { listFolder, writeFolderAtomically } from '../../shared/files/atomic-folder.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { requireNoRank } from '../adapters/adapter-output.ts';
import { type Need, statisticsAmong } from '../methods/needs.ts';
import { makeReport } from './make-report.ts';
import { type MergeOptions, type ResolvedMergeOptions, resolveMergeOptions } from './merge-options.ts';
import { type ChoiceReport, type MergeReport, mergeReportFile, type SearchReport } from './merge-report.ts';
import { modelCard } from './model-card.ts';
import { type MergeSources, openSources } from './open-sources.ts';
import { planSteps } from './plan-steps.ts';
import type { StepResults } from './step-results.ts';
import { writeMerged } from './write-merged.ts';

/** What is reported of a merge beside its options. */
export interface MergeCircumstances {
  /** How the coefficients were found. */
  readonly search?: SearchReport;
  /** Which other merges it was chosen from. */
  readonly choice?: ChoiceReport;
}

/** What is checked of a merge's sources. */
export interface SourceChecks {
  /**
   * Checks the contributions' files against their manifests first; a round's were checked when they
   * arrived.
   */
  readonly checkFiles?: boolean;
  /**
   * Compares the base's fingerprint with the contributions', unless false: it reads all of the
   * base, and of many merges with one base the first is enough.
   */
  readonly checkBase?: boolean;
}

/**
 * Merges contributions into a Hugging Face model folder: config.json, model.safetensors (float32,
 * names and order of the first contribution), side files (those that contributions do not hold are
 * the base's, where one is given), a model card and merge-report.json.
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
  { checkFiles = false, checkBase = true, ...circumstances }: MergeCircumstances & SourceChecks = {},
): Promise<MergeReport> {
  const resolved = resolveMergeOptions(options);
  const asked = { needsBase: resolved.prepared.needs.includes('base'), checkFiles, checkBase };
  await holdsEarlierMerge(options.out);
  const sources = await openSources(folders, resolved, asked, context);
  try {
    return await mergeSources(sources, { ...resolved, out: options.out }, context, circumstances);
  } finally {
    await sources.close();
  }
}

/** What merges of the same sources have in common. */
interface SharedResults {
  readonly results?: StepResults;
}

/**
 * Merges what is open already. Every method sees of it what it would see alone.
 *
 * @param options those that every method has must be the ones that the sources were opened with,
 *   except for the scale
 * @throws RegmeanError when contributions lack what the method needs, or a system cannot be solved
 */
export async function mergeSources(
  sources: MergeSources,
  options: ResolvedMergeOptions & Pick<MergeOptions, 'out'>,
  context: RunContext,
  { search, choice, results }: MergeCircumstances & SharedResults = {},
): Promise<MergeReport> {
  const { contributions, coefficients, heads, split, differences } = sources;
  const { merged, excluded } = split;
  const { needs } = options.prepared;
  if (sources.adapters === null) requireNoRank(options.rank);
  else requireDataFree(options.method.name, needs);
  const replace = await holdsEarlierMerge(options.out);
  const plan = await planSteps(sources, options);
  const { layers } = plan;
  const steps = plan.steps(results);
  return writeFolderAtomically(
    options.out,
    async (folder) => {
      const { groups, adapter } = await writeMerged(folder, sources, options, steps, context);
      const report = makeReport({
        ...{ options, contributions, coefficients, heads, merged, excluded, steps, groups },
        ...{ files: await describeFiles(folder), search: search ?? null, choice: choice ?? null },
        ...{ layers, differences, adapter },
      });
      await writeReport(folder, report);
      return report;
    },
    { replace },
  );
}

/** Checks that a method needs nothing of data: adapters hold none. */
function requireDataFree(method: string, needs: readonly Need[]): void {
  const [lacking] = statisticsAmong(needs);
  if (lacking === undefined) return;
  throw new RegmeanError('usage', `method: ${method} needs ${lacking.called}, adapters have none`, {
    hint: 'merge them by --covariance weights, --method simple or another method without data',
  });
}

/** Writes merge-report.json and the model card. */
export async function writeReport(folder: string, report: MergeReport): Promise<void> {
  await writeFile(join(folder, mergeReportFile), `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFile(join(folder, 'README.md'), modelCard(report));
}

/** Whether `out` holds an earlier merge, which can be made again and so may be replaced. */
export async function holdsEarlierMerge(out: string): Promise<boolean> {
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
