/** @file Runs an experiment file from end to end, and continues one that was stopped. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { needsOf } from '../../merger/methods/merge-keys.ts';
import { writeAllAtomically, writeJsonAtomically } from '../../shared/files/atomic-write.ts';
import { toolVersion } from '../../shared/files/tool-version.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { fixedMethods } from './automatic.ts';
import { baseKey } from './base-key.ts';
import { checkBase } from './check-base.ts';
import { checkData } from './check-data.ts';
import { createFileDigests, type ExperimentContext } from './context.ts';
import type { Experiment } from './experiment-file.ts';
import { measureMatching } from './measure-matching.ts';
import {
  measureAgents,
  measureAll,
  measureGreedy,
  measureMultiTask,
  measurePairs,
  measureSingles,
} from './measure-merges.ts';
import { measureSweeps } from './measure-sweeps.ts';
import { prepareData } from './prepare-data.ts';
import { htmlReport } from './report/html.ts';
import { markdownReport } from './report/markdown.ts';
import { type ExperimentResults, type Measurement, resultsFile } from './results.ts';
import { createExperimentScorer, metricOf } from './score.ts';
import { type SeedRun, startSeed } from './seed-run.ts';

/** How an experiment is run. */
export interface RunOptions {
  /** Path of the base model, when the experiment names none. */
  readonly shippedBase: string;
  /** Folder for results and reports. */
  readonly out: string;
  /**
   * Folder of everything that is computed once; experiments may share it. `cache` in `out` when
   * absent.
   */
  readonly cache?: string;
}

/** Names of the reports in an experiment's folder, beside `results.json`. */
export const reportFiles = { markdown: 'report.md', html: 'report.html' } as const;

/**
 * Measures everything that an experiment asks for. What was computed before (a fine-tuned model, a
 * Gram, a score) is taken from the cache. Results and reports are written after every seed.
 *
 * @throws RegmeanError `interrupted` when it was stopped; the same call continues
 */
export async function runExperiment(
  experiment: Experiment,
  options: RunOptions,
  run: RunContext,
): Promise<ExperimentResults> {
  const base = experiment.base ?? options.shippedBase;
  const cache = options.cache ?? join(options.out, 'cache');
  await mkdir(cache, { recursive: true });
  await mkdir(options.out, { recursive: true });
  const context: ExperimentContext = {
    ...run,
    experiment,
    base,
    baseKey: await baseKey(base),
    cache,
    digests: createFileDigests(),
  };
  const scorer = createExperimentScorer(context);
  let results: ExperimentResults | null = null;
  for (const [index, seed] of experiment.seeds.entries()) {
    run.note(`seed ${seed} (${index + 1} of ${experiment.seeds.length})`);
    const data = await prepareData(experiment, seed, join(options.out, 'data'));
    await checkData(scorer, data);
    await checkBase(base, experiment, data.agents);
    const seedRun = await startSeed(context, scorer, seed, data);
    results ??= await describe(seedRun);
    const { measurements, matchedLayers } = await measureSeed(seedRun);
    results = {
      ...results,
      seeds: [...results.seeds, seed],
      measurements: [...results.measurements, ...measurements],
      matchedLayers: [...results.matchedLayers, ...matchedLayers],
    };
    await writeResults(options.out, results);
  }
  if (results === null) throw new TypeError('runExperiment: an experiment has at least one seed');
  return results;
}

async function measureSeed(run: SeedRun): Promise<Pick<ExperimentResults, 'measurements' | 'matchedLayers'>> {
  const wanted = new Set(run.context.experiment.settings);
  const measurements: Measurement[] = [];
  if (wanted.has('single')) measurements.push(...(await measureSingles(run)));
  if (wanted.has('multi-task')) measurements.push(...(await measureMultiTask(run)));
  if (wanted.has('all')) measurements.push(...(await measureAll(run)));
  if (wanted.has('pairs')) measurements.push(...(await measurePairs(run)));
  if (wanted.has('agents')) measurements.push(...(await measureAgents(run)));
  if (wanted.has('greedy')) measurements.push(...(await measureGreedy(run)));
  measurements.push(...(await measureSweeps(run)));
  const matching = await measureMatching(run);
  return {
    measurements: [...measurements, ...matching.measurements],
    matchedLayers: matching.matchedLayers,
  };
}

/** Results without measurements. */
async function describe({ context, scorer, models, data }: SeedRun): Promise<ExperimentResults> {
  const { experiment } = context;
  const testSets = [];
  for (const testSet of data.testSets) {
    const { name, task, owner, group } = testSet;
    const examples = (await scorer.examplesOf({ testSet, part: 'test' })).length;
    testSets.push({ name, task, metric: metricOf(testSet), owner, group, examples });
  }
  return {
    format: 'regmean-experiment/1',
    name: experiment.name,
    title: experiment.title,
    description: experiment.description.trim(),
    tool: toolVersion,
    plannedSeeds: experiment.seeds,
    seeds: [],
    agents: models.map(({ name }) => name),
    trainingExamples: Object.fromEntries(models.map(({ name, examples }) => [name, examples])),
    testSets,
    methods: experiment.methods.map(({ label }) => label),
    settings: describeSettings(experiment),
    measurements: [],
    matchedLayers: [],
  };
}

function describeSettings(experiment: Experiment): Record<string, string> {
  const { data, training, heads, statistics } = experiment;
  const list = (values: object): string =>
    Object.entries(values)
      .filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0))
      .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(' ') : value}`)
      .join(', ');
  const { fisher, outputGrams, ...grams } = statistics;
  const isAsked = fixedMethods(experiment).some((own) => needsOf(own).includes('outputGrams'));
  return {
    data: data.corpus === undefined ? 'own files' : `built-in corpus ${data.corpus}`,
    ...(data.partition === undefined ? {} : { partition: list(data.partition) }),
    training: list(training),
    heads: list(heads),
    Grams: list(grams),
    Fisher: list(fisher),
    ...(isAsked ? { 'output Grams': list(outputGrams) } : {}),
  };
}

async function writeResults(out: string, results: ExperimentResults): Promise<void> {
  await writeJsonAtomically(join(out, resultsFile), results);
  await writeAllAtomically(join(out, reportFiles.markdown), markdownReport(results));
  await writeAllAtomically(join(out, reportFiles.html), htmlReport(results));
}
