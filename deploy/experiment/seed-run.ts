/** @file One seed of an experiment: its data, its models, and how their merges are scored. */

import type { AgentData, ExperimentData, TestSet } from '../datasets/experiment-data.ts';
import { collect, type StoredContribution, statisticsOf } from './collect.ts';
import type { ExperimentContext } from './context.ts';
import type { ExperimentMethod } from './experiment-file.ts';
import { type FineTuned, fineTune } from './fine-tune.ts';
import { scoreMerge } from './merge.ts';
import type { Measurement, Scores } from './results.ts';
import type { ExperimentScorer, ScoredPart } from './score.ts';

/** Everything the settings of an experiment are measured with. */
export interface SeedRun {
  readonly context: ExperimentContext;
  readonly scorer: ExperimentScorer;
  readonly seed: number;
  readonly data: ExperimentData;
  /** The agents' models, in the order of the experiment. */
  readonly models: readonly FineTuned[];
}

/** Which parts of which test sets are scored. */
export interface Scope {
  readonly testSets: readonly TestSet[];
  /** Whether validation data are scored too. */
  readonly validation: boolean;
}

/** Fine-tunes the agents of a seed. */
export async function startSeed(
  context: ExperimentContext,
  scorer: ExperimentScorer,
  seed: number,
  data: ExperimentData,
): Promise<SeedRun> {
  const models: FineTuned[] = [];
  for (const agent of data.agents) models.push(await fineTune(context, agent, seed));
  return { context, scorer, seed, data, models };
}

/** Test sets that belong to some of the agents, or to none. */
export function testSetsOf({ data }: SeedRun, agents: readonly FineTuned[]): readonly TestSet[] {
  const names = new Set(agents.map(({ name }) => name));
  return data.testSets.filter(({ owner }) => owner === null || names.has(owner));
}

/** Test sets that a model with this task and these classes can be scored on. */
export function suits(model: Pick<AgentData, 'task' | 'labels'>, { task, labels }: TestSet): boolean {
  if (model.task !== task) return false;
  return task === 'regression' || labels.some((label) => model.labels.includes(label));
}

/** Scores a fine-tuned model. */
export async function scoreSingle(
  { scorer }: SeedRun,
  model: FineTuned,
  scope: Scope,
): Promise<Pick<Measurement, 'scores' | 'validation'>> {
  const testSets = scope.testSets.filter((testSet) => suits(model, testSet));
  return scoreScope({ ...scope, testSets }, (parts) =>
    scorer.score(model.key, parts, async () => ({
      folderFor: () => model.folder,
      dispose: async () => {},
    })),
  );
}

/** Scores the merge of agents' contributions. */
export async function scoreMerged(
  run: SeedRun,
  members: readonly FineTuned[],
  method: ExperimentMethod,
  scope: Scope,
  batches?: number,
): Promise<Pick<Measurement, 'scores' | 'validation'>> {
  const contributions: StoredContribution[] = [];
  for (const model of members) {
    contributions.push(
      await collect({ model, kind: statisticsOf(method), seed: run.seed, batches }, run.context),
    );
  }
  return scoreContributions(run, contributions, method, scope);
}

/** Scores the merge of contribution folders. */
export async function scoreContributions(
  { context, scorer }: SeedRun,
  contributions: readonly StoredContribution[],
  method: ExperimentMethod,
  scope: Scope,
): Promise<Pick<Measurement, 'scores' | 'validation'>> {
  const separate = context.experiment.heads.merging === 'separate';
  const agents = new Set(contributions.map(({ agent }) => agent));
  const testSets = separate
    ? scope.testSets.filter(({ owner }) => owner !== null && agents.has(owner))
    : scope.testSets;
  return scoreScope({ ...scope, testSets }, (parts) =>
    scoreMerge(context, scorer, contributions, method, parts),
  );
}

async function scoreScope(
  { testSets, validation }: Scope,
  score: (parts: readonly ScoredPart[]) => Promise<readonly number[]>,
): Promise<Pick<Measurement, 'scores' | 'validation'>> {
  const parts: ScoredPart[] = testSets.map((testSet) => ({ testSet, part: 'test' }));
  if (validation) {
    parts.push(
      ...testSets.filter(({ dev }) => dev.length > 0).map((testSet) => ({ testSet, part: 'dev' as const })),
    );
  }
  const values = await score(parts);
  const named = (wanted: ScoredPart['part']): Scores =>
    Object.fromEntries(
      parts.flatMap(({ testSet, part }, index) =>
        part === wanted ? [[testSet.name, values[index] as number]] : [],
      ),
    );
  return { scores: named('test'), validation: named('dev') };
}
