/**
 * @file Baselines, and merges of all agents, of pairs, of the first few, and of a greedy choice
 *   (paper, Section 5).
 */
import { createRandom, deriveSeed, shuffle } from '../../shared/random.ts';
import { fixedFirst } from './automatic.ts';
import { type FineTuned, fineTune, multiTaskName, unionOf } from './fine-tune.ts';
import type { Measurement, Scores } from './results.ts';
import { type SeedRun, scoreMerged, scoreSingle, suits, testSetsOf } from './seed-run.ts';

/** Every agent's model on every test set that it can be scored on. */
export async function measureSingles(run: SeedRun): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = [];
  for (const model of run.models) {
    const scope = { testSets: run.data.testSets, validation: true };
    measurements.push({
      seed: run.seed,
      setting: 'single',
      method: 'single',
      agents: [model.name],
      ...(await scoreSingle(run, model, scope)),
    });
  }
  return measurements;
}

/**
 * One model fine-tuned on the data of all agents: the upper bound that sharing data would reach.
 */
export async function measureMultiTask(run: SeedRun): Promise<readonly Measurement[]> {
  const model = await fineTune(run.context, unionOf(run.data.agents), run.seed);
  const scope = { testSets: run.data.testSets, validation: false };
  return [
    {
      seed: run.seed,
      setting: 'multi-task',
      method: multiTaskName,
      agents: namesOf(run.models),
      ...(await scoreSingle(run, model, scope)),
    },
  ];
}

/** The merge of all agents by every method, and their ensemble. */
export async function measureAll(run: SeedRun): Promise<readonly Measurement[]> {
  return [
    ...(await measureMethods(run, 'all', run.models)),
    ...(await measureEnsemble(run, 'all', run.models)),
  ];
}

/**
 * The merge of every two agents by every method, and their ensemble, on their own test sets and out
 * of domain.
 */
export async function measurePairs(run: SeedRun): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = [];
  for (const [index, left] of run.models.entries()) {
    for (const right of run.models.slice(index + 1)) {
      measurements.push(...(await measureMethods(run, 'pairs', [left, right])));
      measurements.push(...(await measureEnsemble(run, 'pairs', [left, right])));
    }
  }
  return measurements;
}

/** Merges of the first 2, 3, ... agents, in a seeded order, on all test sets. */
export async function measureAgents(run: SeedRun): Promise<readonly Measurement[]> {
  const order = shuffle([...run.models], createRandom(deriveSeed(run.seed, 'order of agents')));
  const measurements: Measurement[] = [];
  for (let count = 2; count <= order.length; count++) {
    // Merged in the order of the experiment, so that the last one is the merge of all.
    const members = run.models.filter((model) => order.slice(0, count).includes(model));
    measurements.push(...(await measureMethods(run, 'agents', members, run.data.testSets)));
  }
  return measurements;
}

/**
 * Agents join one by one, the best on validation data first; one that does not raise the merge's
 * validation score is left out again (paper, Section 5.2).
 */
export async function measureGreedy(run: SeedRun): Promise<readonly Measurement[]> {
  const group =
    run.context.experiment.greedy.by ??
    (run.data.testSets.some((set) => set.group === 'out-of-domain' && set.dev.length > 0)
      ? 'out-of-domain'
      : 'in-domain');
  const judges = new Set(run.data.testSets.filter((set) => set.group === group).map(({ name }) => name));
  const judge = (validation: Scores): number =>
    mean(Object.entries(validation).flatMap(([name, score]) => (judges.has(name) ? [score] : [])));
  const scope = { testSets: run.data.testSets, validation: true };

  const singles: { model: FineTuned; result: Pick<Measurement, 'scores' | 'validation'> }[] = [];
  for (const model of run.models) singles.push({ model, result: await scoreSingle(run, model, scope) });
  singles.sort((a, b) => judge(b.result.validation) - judge(a.result.validation));
  const [first, ...others] = singles;
  if (first === undefined) return [];

  const measurements: Measurement[] = [];
  for (const method of fixedFirst(run.context.experiment)) {
    let kept = [first.model];
    let best = first.result;
    const record = (tried: string, isKept: boolean): void => {
      measurements.push({
        seed: run.seed,
        setting: 'greedy',
        method: method.label,
        agents: namesOf(kept),
        knob: measurements.filter((own) => own.method === method.label).length + 1,
        tried: { agent: tried, kept: isKept },
        ...best,
      });
    };
    record(first.model.name, true);
    for (const { model } of others) {
      const result = await scoreMerged(run, [...kept, model], method, scope);
      const better = judge(result.validation) > judge(best.validation);
      if (better) {
        kept = [...kept, model];
        best = result;
      }
      record(model.name, better);
    }
  }
  return measurements;
}

async function measureMethods(
  run: SeedRun,
  setting: Measurement['setting'],
  members: readonly FineTuned[],
  testSets = testSetsOf(run, members),
): Promise<readonly Measurement[]> {
  const { experiment } = run.context;
  const measurements = new Map<string, Measurement>();
  for (const method of fixedFirst(experiment)) {
    measurements.set(method.label, {
      seed: run.seed,
      setting,
      method: method.label,
      agents: namesOf(members),
      ...(await scoreMerged(run, members, method, { testSets, validation: false })),
    });
  }
  return experiment.methods.flatMap(({ label }) => measurements.get(label) ?? []);
}

/** Models that each have a task of their own make no ensemble. */
async function measureEnsemble(
  run: SeedRun,
  setting: Measurement['setting'],
  members: readonly FineTuned[],
): Promise<readonly Measurement[]> {
  if (run.context.experiment.heads.merging === 'separate') return [];
  const scores: Record<string, number> = {};
  for (const testSet of testSetsOf(run, members)) {
    const able = members.filter((model) => suits(model, testSet));
    if (able.length > 0) scores[testSet.name] = await run.scorer.scoreEnsemble(able, testSet);
  }
  return [{ seed: run.seed, setting, method: 'ensemble', agents: namesOf(members), scores, validation: {} }];
}

function namesOf(models: readonly FineTuned[]): readonly string[] {
  return models.map(({ name }) => name);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
