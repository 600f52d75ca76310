/** @file The candidates that some contributions can be merged by, and what identifies them. */
import { createHash } from 'node:crypto';
import type { CandidateSet } from '../../shared/candidates/candidate-set.ts';
import { contributionTask } from '../../shared/contribution/contribution-layers.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { describeFiles } from '../../shared/contribution/write-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { toolVersion } from '../../shared/files/tool-version.ts';
import { mainMetric } from '../../shared/metrics/metrics-for.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { headClasses } from '../heads/label-spaces.ts';
import type { SourceChecks } from '../merge/merge-contributions.ts';
import { resolveCommonOptions } from '../merge/merge-options.ts';
import type { LeftOutCandidate } from '../merge/merge-report.ts';
import { type MergeSources, openSources } from '../merge/open-sources.ts';
import { requireNeeds } from '../methods/needs.ts';
import { type AutoMergeOptions, requireFitting, sharedOf, sharedOptions } from './auto-options.ts';
import { candidatesOf, defaultCandidates, describeMerge, type MergeCandidate } from './candidates.ts';

/** Contributions that are open, and what they can be merged by. */
export interface OpenCandidates {
  readonly sources: MergeSources;
  /** Those whose needs are met, in their order. */
  readonly candidates: readonly MergeCandidate[];
  /** What is told of them. */
  readonly set: CandidateSet;
  close(): Promise<void>;
}

/**
 * Opens contributions, and the base where there is one, and says which candidates they can be
 * merged by: those that need Grams, Fisher information or a base that are not there are left out.
 *
 * @throws RegmeanError when options are wrong, contributions do not fit together, or no candidate
 *   can be made
 */
export async function openCandidates(
  folders: readonly string[],
  options: AutoMergeOptions,
  context: RunContext,
  { checkFiles = false, checkBase = true }: SourceChecks = {},
): Promise<OpenCandidates> {
  const { method, candidates: given = defaultCandidates, choose: _, ...rest } = options;
  requireFitting(method, rest);
  const shared = sharedOf(rest);
  const planned = candidatesOf(given, shared);
  const common = resolveCommonOptions(shared);
  const needsBase = shared.base !== undefined;
  const sources = await openSources(folders, common, { needsBase, checkFiles, checkBase }, context);
  try {
    const { possible, leftOut } = await divide(planned, sources);
    const [first] = leftOut;
    if (possible.length === 0) {
      throw new RegmeanError('usage', `candidates: none can be made, ${first?.name}: ${first?.reason}`, {
        hint: 'give the base model folder with --base, or collect Grams with `regmean stats`',
      });
    }
    const contributions = await Promise.all(
      sources.contributions.map(async (own) => ({ agent: own.agent, digest: await contributionDigest(own) })),
    );
    const { base: __, ...sharedValues } = sharedOptions.parse(shared);
    const base = (await sources.base?.fingerprint()) ?? null;
    const digest = digestOf({
      contributions,
      base,
      shared: sharedValues,
      candidates: planned.map(describeMerge),
    });
    const set: CandidateSet = {
      format: 'regmean-candidates/1',
      tool: toolVersion,
      digest,
      metric: expectedMetric(sources, sharedValues.heads),
      contributions,
      candidates: possible.map((own) => ({ name: own.name, title: own.title, ...describeMerge(own) })),
      leftOut: [...leftOut],
    };
    return { sources, candidates: possible, set, close: sources.close };
  } catch (error) {
    await sources.close();
    throw error;
  }
}

async function divide(
  planned: readonly MergeCandidate[],
  { contributions, base, layers }: MergeSources,
): Promise<{ readonly possible: readonly MergeCandidate[]; readonly leftOut: readonly LeftOutCandidate[] }> {
  const inputs = { contributions, base: base?.weights, layers: await layers() };
  const possible: MergeCandidate[] = [];
  const leftOut: LeftOutCandidate[] = [];
  for (const candidate of planned) {
    const { method, prepared, scale } = candidate.options;
    try {
      requireNeeds(method.name, [...prepared.needs, ...(scale === 1 ? [] : (['base'] as const))], inputs);
      possible.push(candidate);
    } catch (error) {
      leftOut.push(whyLeftOut(candidate, error));
    }
  }
  return { possible, leftOut };
}

/**
 * A candidate that cannot be merged, with what it lacks.
 *
 * @throws what is no fault of a candidate's
 */
export function whyLeftOut(
  { name, title }: Pick<MergeCandidate, 'name' | 'title'>,
  error: unknown,
): LeftOutCandidate {
  if (!(error instanceof RegmeanError) || error.code === 'interrupted') throw error;
  return { name, title, reason: error.message };
}

/** SHA-256 of a contribution's files: what its manifest says of them, which was checked. */
async function contributionDigest({ folder, manifest }: Contribution): Promise<string> {
  const files = manifest?.files ?? (await describeFiles(folder));
  return digestOf(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/** The metric that agents score united heads by; null where it is not known. */
function expectedMetric(
  { contributions, heads: { united } }: MergeSources,
  heads: 'united' | 'separate',
): string | null {
  const first = contributions.find(({ manifest }) => manifest !== undefined);
  if (heads === 'separate' || first === undefined) return null;
  return mainMetric(contributionTask(first), united?.names ?? headClasses(first) ?? []);
}
