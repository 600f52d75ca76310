/**
 * @file Merged models of an experiment: made to be scored, then removed; their scores are what is
 *   kept.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mergeContributions } from '../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../merger/merge/merge-options.ts';
import { withoutProgress } from '../../shared/runtime/run-context.ts';
import type { TestSet } from '../datasets/experiment-data.ts';
import type { FixedMethod } from './automatic.ts';
import type { StoredContribution } from './collect.ts';
import { artifactKey, type ExperimentContext } from './context.ts';
import type { ExperimentScorer, ScoredPart } from './score.ts';

/** Scores the merge of contributions on parts of test sets. */
export async function scoreMerge(
  context: ExperimentContext,
  scorer: ExperimentScorer,
  contributions: readonly StoredContribution[],
  method: FixedMethod,
  parts: readonly ScoredPart[],
): Promise<readonly number[]> {
  const options = optionsOf(context, method);
  const key = artifactKey({ contributions: contributions.map((own) => own.key), options });
  return scorer.score(key, parts, async () => {
    const out = join(context.cache, 'merged', key);
    context.note(`merging ${contributions.map(({ agent }) => agent).join(', ')}: ${method.label}`);
    await mergeContributions(
      contributions.map(({ folder }) => folder),
      { ...options, out, base: context.base },
      withoutProgress(context),
      // The contributions are of this base: their keys are made of its fingerprint.
      { checkBase: false },
    );
    return {
      folderFor: (testSet) => folderFor(context, out, testSet),
      dispose: () => rm(out, { recursive: true, force: true }),
    };
  });
}

function folderFor({ experiment }: ExperimentContext, out: string, { owner }: TestSet): string {
  return experiment.heads.merging === 'separate' && owner !== null ? join(out, 'heads', owner) : out;
}

/** What the result of a merge depends on: knobs that the file leaves out are left out here too. */
function optionsOf(
  { experiment }: ExperimentContext,
  { label: _, method, ...knobs }: FixedMethod,
): Omit<MergeOptions, 'out'> {
  const given = Object.entries({ ...knobs, heads: experiment.heads.merging });
  return { method, ...Object.fromEntries(given.filter(([, value]) => value !== undefined)) };
}
