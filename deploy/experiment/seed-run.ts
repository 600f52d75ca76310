/** @file One seed of an experiment: its data, its models, and how their merges are scored. */

import { whyLeftOut } from '../../merger/auto/open-candidates.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { AgentData, ExperimentData, TestSet } from '../datasets/experiment-data.ts';
import { candidateRows, choose, choosingParts, type FixedMethod, isAutomatic } from './automatic.ts';
import { collect, type StoredContribution, statisticsOf } from './collect.ts';
import type { ExperimentContext } from './context.ts';
import type { Experiment, ExperimentMethod } from './experiment-file.ts';
import { type FineTuned, fineTune } from './fine-tune.ts';
import { scoreMerge } from './merge.ts';
import type { Measurement, Scores } from './results.ts';
import type { ExperimentScorer, ScoredPart } from './score.ts';
import { collectInMerge } from './second-round.ts';

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

/** What is measured of a merge. */
type MergedScores = Pick<Measurement, 'scores' | 'validation' | 'chosen'>;

/** The methods that a row may merge by. */
export function methodsOf({ context }: SeedRun, method: ExperimentMethod): readonly FixedMethod[] {
  if (!isAutomatic(method)) return [method as FixedMethod];
  return candidateRows(method, context.experiment).map((own) => own.method);
}

/** Scores the merge of agents' contributions. */
export async function scoreMerged(
  run: SeedRun,
  members: readonly FineTuned[],
  method: ExperimentMethod | FixedMethod,
  scope: Scope,
  batches?: number,
): Promise<MergedScores> {
  const { context, seed } = run;
  const collected = async (own: FixedMethod): Promise<readonly StoredContribution[]> => {
    const kinds = statisticsOf([own]);
    const requests = members.map((model) => ({ model, kinds, seed, batches }));
    const contributions: StoredContribution[] = [];
    for (const request of requests) contributions.push(await collect(request, context));
    return own.rounds === 2 ? collectInMerge(context, contributions, requests, own) : contributions;
  };
  const names = members.map(({ name }) => name);
  return scoreChosen(run, names, method, scope, collected);
}

/** Scores the merge of contribution folders. */
export async function scoreContributions(
  run: SeedRun,
  contributions: readonly StoredContribution[],
  method: ExperimentMethod,
  scope: Scope,
): Promise<MergedScores> {
  const names = contributions.map(({ agent }) => agent);
  return scoreChosen(run, names, method, scope, async () => contributions);
}

/** Scores the merge by a row's method, or by the one that it chooses. */
async function scoreChosen(
  run: SeedRun,
  agents: readonly string[],
  method: ExperimentMethod | FixedMethod,
  scope: Scope,
  contributionsFor: (method: FixedMethod) => Promise<readonly StoredContribution[]>,
): Promise<MergedScores> {
  const { context, scorer } = run;
  const separate = context.experiment.heads.merging === 'separate';
  const testSets = separate
    ? scope.testSets.filter(({ owner }) => owner !== null && agents.includes(owner))
    : scope.testSets;
  const choosing = choosingParts(run.data, agents);
  const scoreOn = async (own: FixedMethod, parts: readonly ScoredPart[]): Promise<readonly number[]> =>
    scoreMerge(context, scorer, await contributionsFor(own), own, parts);
  const measure = (own: FixedMethod): Promise<MergedScores> =>
    scoreScope({ ...scope, testSets }, async (parts) => {
      // What a row that chooses will ask for is scored while the merge is there.
      const beside = isCandidate(context.experiment, own) ? choosing : [];
      return (await scoreOn(own, [...parts, ...beside])).slice(0, parts.length);
    });
  if (!isAutomatic(method)) return measure(method as FixedMethod);
  const rows = candidateRows(method, context.experiment);
  const inOrder = await choose(rows, choosing, method.choose, (own) => scoreOn(own, choosing));
  for (const [index, row] of inOrder.entries()) {
    try {
      return { ...(await measure(row.method)), chosen: row.title };
    } catch (error) {
      const { reason } = whyLeftOut(row, error);
      if (index === inOrder.length - 1) throw error;
      context.note(`${method.label}: ${row.title} is left out: ${reason}`);
    }
  }
  throw new RegmeanError('usage', `${method.label}: none of its candidates can be merged`);
}

/** Whether a row that chooses may choose a method. */
function isCandidate(experiment: Experiment, method: FixedMethod): boolean {
  return experiment.methods.some(
    (own) => isAutomatic(own) && candidateRows(own, experiment).some((row) => row.method === method),
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
