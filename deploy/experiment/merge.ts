/**
 * @file Merged models of an experiment: made to be scored, or to collect Grams in, then removed.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mergeContributions } from '../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../merger/merge/merge-options.ts';
import { withoutProgress } from '../../shared/runtime/run-context.ts';
import type { FixedMethod } from './automatic.ts';
import type { StoredContribution } from './collect.ts';
import { artifactKey, type ExperimentContext } from './context.ts';
import { replaceHead } from './joint-head.ts';
import type { ExperimentScorer, ScoredPart } from './score.ts';

/** The merge of contributions, which is made when it is first asked for. */
export interface PlannedMerge {
  /** Names it by everything that it depends on. */
  readonly key: string;
  /** The model's folder, of an agent that keeps its own head the folder of its model. */
  folderFor(agent: string | null): string;
  /** Makes it, unless it is there. */
  make(): Promise<void>;
  remove(): Promise<void>;
}

/** Plans the merge of contributions by a method. */
export function planMerge(
  context: ExperimentContext,
  contributions: readonly StoredContribution[],
  method: FixedMethod,
): PlannedMerge {
  const options = optionsOf(context, method);
  const { ridgeHead } = method;
  const key = artifactKey({ contributions: contributions.map((own) => own.key), options, ridgeHead });
  const out = join(context.cache, 'merged', key);
  const separate = context.experiment.heads.merging === 'separate';
  let made: Promise<void> | undefined;
  const merge = async (): Promise<void> => {
    context.note(`merging ${contributions.map(({ agent }) => agent).join(', ')}: ${method.label}`);
    await mergeContributions(
      contributions.map(({ folder }) => folder),
      { ...options, out, base: context.base },
      withoutProgress(context),
      // The contributions are of this base: their keys are made of its fingerprint.
      { checkBase: false },
    );
    if (ridgeHead === undefined) return;
    await replaceHead(
      context,
      out,
      contributions.map(({ model }) => model),
      ridgeHead,
    );
  };
  return {
    key,
    folderFor: (agent) => (separate && agent !== null ? join(out, 'heads', agent) : out),
    async make() {
      made ??= merge();
      await made;
    },
    remove: () => rm(out, { recursive: true, force: true }),
  };
}

/** Scores the merge of contributions on parts of test sets. */
export function scoreMerge(
  context: ExperimentContext,
  scorer: ExperimentScorer,
  contributions: readonly StoredContribution[],
  method: FixedMethod,
  parts: readonly ScoredPart[],
): Promise<readonly number[]> {
  const merge = planMerge(context, contributions, method);
  return scorer.score(merge.key, parts, async () => {
    await merge.make();
    return { folderFor: ({ owner }) => merge.folderFor(owner), dispose: merge.remove };
  });
}

/** What the result of a merge depends on: knobs that the file leaves out are left out here too. */
function optionsOf(
  { experiment }: ExperimentContext,
  { label: _, rounds: __, ridgeHead: ___, method, ...knobs }: FixedMethod,
): Omit<MergeOptions, 'out'> {
  const given = Object.entries({ ...knobs, heads: experiment.heads.merging });
  return { method, ...Object.fromEntries(given.filter(([, value]) => value !== undefined)) };
}
