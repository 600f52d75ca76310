/** @file All candidates as model folders, for agents to score, and the one that is chosen. */
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CandidateSet, candidateSetFile } from '../../shared/candidates/candidate-set.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { listFolder, writeFolderAtomically } from '../../shared/files/atomic-folder.ts';
import { writeJsonAtomically } from '../../shared/files/atomic-write.ts';
import { type RunContext, withoutProgress } from '../../shared/runtime/run-context.ts';
import {
  holdsEarlierMerge,
  mergeSources,
  type SourceChecks,
  writeReport,
} from '../merge/merge-contributions.ts';
import {
  type ChoiceReport,
  type LeftOutCandidate,
  type MergeReport,
  mergeReportFile,
} from '../merge/merge-report.ts';
import type { MergeSources } from '../merge/open-sources.ts';
import { planSteps } from '../merge/plan-steps.ts';
import { createStepResults } from '../merge/step-results.ts';
import type { AutoMergeOptions } from './auto-options.ts';
import type { MergeCandidate } from './candidates.ts';
import { openCandidates, whyLeftOut } from './open-candidates.ts';

/**
 * Merges contributions by every candidate into a folder: for each a whole model folder by its name,
 * as `mergeContributions` writes it, and `candidates.json`. The folder appears in one rename.
 *
 * @param options `out`: the folder to write; it must be new or empty, or hold earlier candidates,
 *   which are replaced
 * @returns what `candidates.json` says; a candidate that could not be merged is left out there
 * @throws RegmeanError when options are wrong, contributions do not fit together, or no candidate
 *   can be merged
 */
export async function mergeCandidates(
  folders: readonly string[],
  { out, ...options }: AutoMergeOptions & { readonly out: string },
  context: RunContext,
  files: SourceChecks = {},
): Promise<CandidateSet> {
  const replace = await holdsEarlierCandidates(out);
  const { sources, candidates, set, close } = await openCandidates(folders, options, context, files);
  const progress = context.progress({ label: 'merging', total: candidates.length, unit: 'candidates' });
  try {
    return await writeFolderAtomically(
      out,
      async (folder) => {
        const failed: LeftOutCandidate[] = [];
        const results = await createStepResults(folder, await keysOf(sources, candidates));
        for (const [index, candidate] of candidates.entries()) {
          progress.update(index, candidate.title);
          const own = { ...candidate.options, out: join(folder, candidate.name) };
          try {
            await mergeSources(sources, own, withoutProgress(context), { results });
          } catch (error) {
            failed.push(whyLeftOut(candidate, error));
            // Where all fail, the first one's reason is told.
            if (failed.length === candidates.length) throw failed.length === 1 ? error : noneLeft(failed);
          }
        }
        await results.dispose();
        const isLeft = ({ name }: { readonly name: string }): boolean =>
          !failed.some((own) => own.name === name);
        const written = {
          ...set,
          candidates: set.candidates.filter(isLeft),
          leftOut: [...set.leftOut, ...failed],
        };
        await writeJsonAtomically(join(folder, candidateSetFile), written);
        progress.update(candidates.length);
        progress.finish(out);
        return written;
      },
      { replace },
    );
  } finally {
    await close();
  }
}

/** The keys of all candidates' steps; one whose steps cannot be planned fails at its turn. */
async function keysOf(
  sources: MergeSources,
  candidates: readonly MergeCandidate[],
): Promise<readonly string[]> {
  const keys: string[] = [];
  for (const { options } of candidates) {
    try {
      keys.push(...(await planSteps(sources, options)).keys);
    } catch {}
  }
  return keys;
}

/**
 * Writes the candidate that was chosen as a fused model: the same files, with all candidates and
 * their scores in merge-report.json and the model card.
 *
 * @param candidates a folder that `mergeCandidates` wrote
 * @param out the folder to write; it must be new or empty, or hold an earlier merge, which is
 *   replaced
 */
export async function writeChosen(
  candidates: string,
  choice: ChoiceReport,
  out: string,
): Promise<MergeReport> {
  const replace = await holdsEarlierMerge(out);
  const chosen = join(candidates, choice.chosen);
  const text = await readFile(join(chosen, mergeReportFile), 'utf8');
  const report: MergeReport = { ...(JSON.parse(text) as MergeReport), choice };
  return writeFolderAtomically(
    out,
    async (folder) => {
      for (const name of await readdir(chosen)) {
        await cp(join(chosen, name), join(folder, name), { recursive: true });
      }
      await writeReport(folder, report);
      return report;
    },
    { replace },
  );
}

function noneLeft([first]: readonly LeftOutCandidate[]): RegmeanError {
  return new RegmeanError('invalid-input', `candidates: none can be made, ${first?.name}: ${first?.reason}`);
}

/** Whether a folder holds earlier candidates, which can be made again and so may be replaced. */
async function holdsEarlierCandidates(out: string): Promise<boolean> {
  const names = (await listFolder(out)) ?? [];
  if (names.length === 0 || names.includes(candidateSetFile)) return names.length > 0;
  throw new RegmeanError(
    'usage',
    `${out}: must be a new or empty folder or earlier candidates, holds ${names[0]}`,
    { hint: 'choose another folder for the candidates' },
  );
}
