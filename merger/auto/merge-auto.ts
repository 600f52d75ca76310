/** @file One merge of several, chosen at once: by scores that are there already, or without any. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withWholeModel } from '../../shared/adapters/with-whole-model.ts';
import type { CandidateScores } from '../../shared/candidates/candidate-scores.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { scoreFolder } from '../../shared/inference/score-folder.ts';
import { type RunContext, withoutProgress } from '../../shared/runtime/run-context.ts';
import { holdsEarlierMerge, mergeSources, type SourceChecks } from '../merge/merge-contributions.ts';
import type { CandidateResult, ChoiceReport, MergeReport } from '../merge/merge-report.ts';
import { openValidation } from '../search/validation.ts';
import type { ValidationSource } from '../search/validation-source.ts';
import { acceptScores } from './accept-scores.ts';
import { type AutoMergeOptions, defaultRule } from './auto-options.ts';
import { chooseCandidate } from './choose-candidate.ts';
import { mergeCandidates, writeChosen } from './merge-candidates.ts';
import { type OpenCandidates, openCandidates, whyLeftOut } from './open-candidates.ts';
import { readScoreFiles } from './read-scores.ts';

/** Where scores come from; without any the order of the candidates decides. */
export interface ChoiceEvidence {
  /** Files with what `regmean evaluate --json` said to agents; see `readScoreFiles`. */
  readonly scoreFiles?: readonly string[];
  /** What agents of a round sent; it counts where it is of the same candidates. */
  readonly stored?: ReadonlyMap<string, CandidateScores>;
  /** The central developer's own labelled data. */
  readonly validation?: ValidationSource;
}

/**
 * Merges contributions by the best of several candidates. The model's bytes are those of a plain
 * merge with the chosen options.
 *
 * @param options `out`: as in `mergeContributions`
 * @throws RegmeanError when options or scores are wrong, contributions do not fit together, or no
 *   candidate can be merged
 */
export async function mergeAuto(
  folders: readonly string[],
  options: AutoMergeOptions & { readonly out: string },
  { scoreFiles = [], stored = new Map(), validation }: ChoiceEvidence,
  context: RunContext,
  files: SourceChecks = {},
): Promise<MergeReport> {
  const { out, ...auto } = options;
  await holdsEarlierMerge(out);
  if (validation !== undefined) {
    if (scoreFiles.length > 0) {
      throw new RegmeanError('usage', 'validation: chooses by your own data, scores by the agents’; use one');
    }
    return mergeByValidation(folders, options, validation, context, files);
  }
  const open = await openCandidates(folders, auto, context, files);
  try {
    const agents = open.sources.contributions.map(({ agent }) => agent);
    const given = await readScoreFiles(scoreFiles, agents);
    const sent = [...stored].flatMap(([agent, message]) =>
      message.set === open.set.digest ? [{ agent, message }] : [],
    );
    if (stored.size > 0 && sent.length === 0) {
      context.note('the scores that agents sent are of other candidates than these: the order decides');
    }
    const scores = [...given, ...sent].map(({ agent, message }) => acceptScores(open.set, agent, message));
    const choice = chooseCandidate(open.set, scores, { rule: options.choose ?? defaultRule });
    return await mergeFirst(open, choice, out, context);
  } finally {
    await open.close();
  }
}

/** Merges the chosen candidate; by the order alone, the first that can be merged. */
async function mergeFirst(
  { sources, candidates }: OpenCandidates,
  choice: ChoiceReport,
  out: string,
  context: RunContext,
): Promise<MergeReport> {
  const chosen = candidates.find(({ name }) => name === choice.chosen);
  if (chosen === undefined) throw new TypeError(`mergeAuto: ${choice.chosen} must be a candidate`);
  const next = choice.candidates[choice.candidates.findIndex(({ name }) => name === chosen.name) + 1];
  try {
    return await mergeSources(sources, { ...chosen.options, out }, context, { choice });
  } catch (error) {
    if (choice.by !== 'order' || next === undefined) throw error;
    const failed = whyLeftOut(chosen, error);
    const left = {
      ...choice,
      chosen: next.name,
      candidates: choice.candidates.filter(({ name }) => name !== chosen.name),
      leftOut: [...choice.leftOut, failed],
    };
    return mergeFirst({ sources, candidates } as OpenCandidates, left, out, context);
  }
}

/** Merges by every candidate beside `out`, scores all, and keeps the best. */
async function mergeByValidation(
  folders: readonly string[],
  { out, ...options }: AutoMergeOptions & { readonly out: string },
  source: ValidationSource,
  context: RunContext,
  files: SourceChecks,
): Promise<MergeReport> {
  if (options.heads === 'separate') {
    throw new RegmeanError('usage', '--validation: needs one fused model to score, not --heads separate');
  }
  const validation = await openValidation(folders, source);
  await mkdir(dirname(out), { recursive: true });
  const work = await mkdtemp(join(dirname(out), '.regmean-candidates-'));
  try {
    const merged = join(work, 'candidates');
    const set = await mergeCandidates(folders, { ...options, out: merged }, context, files);
    const results = new Map<string, CandidateResult>();
    const progress = context.progress({ label: 'scoring', total: set.candidates.length, unit: 'candidates' });
    for (const [index, { name, title }] of set.candidates.entries()) {
      progress.update(index, title);
      const whole = { base: options.base, task: validation.task };
      const { main, metrics, examples } = await withWholeModel(join(merged, name), whole, (folder) =>
        scoreFolder({ folder, name: title }, validation, withoutProgress(context)),
      );
      results.set(name, { metric: main, value: metrics[main] ?? Number.NaN, examples });
    }
    progress.finish();
    const scores = [{ agent: 'validation', results }];
    const choice = chooseCandidate(set, scores, { rule: options.choose ?? defaultRule, by: 'validation' });
    return await writeChosen(merged, choice, out);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
