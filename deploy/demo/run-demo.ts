/**
 * @file The whole path on real data: a merger and one agent per domain, each a process of its own
 *   that talks mutual TLS over loopback, with the same commands as in production; then every way to
 *   serve all domains is scored.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChoiceReport, type MergeReport, mergeReportFile } from '../../merger/merge/merge-report.ts';
import { type Recipe, recipeSchema } from '../../merger/recipe/recipe.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { DemoDataset } from '../datasets/dataset.ts';
import { type DemoDatasetName, demoDatasets } from '../datasets/datasets.ts';
import { type DemoPaths, prepareDemoFolder } from './demo-folder.ts';
import { demoPicture } from './picture.ts';
import type { DemoPlan } from './plan.ts';
import { createProcesses, type Processes } from './processes.ts';
import type { Results } from './results.ts';
import { mergerLabel, type RoundReport, runRound } from './round.ts';
import { scoreDemo, scoringLabel } from './score-demo.ts';
import { createStatusLines, type StatusStream } from './status-lines.ts';

/** What to demonstrate, and where. */
export interface DemoOptions {
  readonly data: DemoDatasetName;
  readonly plan: DemoPlan;
  /** Folder of the base model. */
  readonly base: string;
  /** Folder of the demo. */
  readonly out: string;
  readonly seed: number;
  /** Path of the program that the processes run: the one binary. */
  readonly program: string;
  /** Where the processes' messages are shown. */
  readonly messages: StatusStream;
}

/** What came of a demo. */
export interface DemoReport {
  readonly paths: DemoPaths;
  readonly task: DemoDataset['task'];
  readonly results: Results;
  readonly round: RoundReport;
  /** What the agents chose among. */
  readonly choice: ChoiceReport;
  readonly scoringSeconds: number;
}

/** Row of the model that the round gave back. */
const fusedLabel = 'chosen by the agents';
const regmeanAlpha = 0.9;

/**
 * Runs a demo to its end. Every process that it started is gone when it returns.
 *
 * @param signal stops the demo
 * @throws RegmeanError when a process fails, with its last words; `interrupted` when the signal
 *   stopped it
 */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<DemoReport> {
  const dataset = demoDatasets[options.data](options.plan.sizes, options.seed);
  const paths = await prepareDemoFolder(options.out, dataset, recipeOf(options, dataset));
  const agents = paths.agents.map(({ domain }) => domain);
  const status = createStatusLines([mergerLabel, ...agents, scoringLabel], options.messages);
  const processes = createProcesses(options.program, (label, line) => {
    if (line.trim() !== '') status.show(label, withoutTime(line));
  });
  const stop = (): void => {
    processes.stopAll().catch(() => undefined);
  };
  signal.addEventListener('abort', stop);
  try {
    const round = await runRound(processes, paths);
    const began = performance.now();
    const results = await scoreEverything(processes, paths, dataset, round);
    const scoringSeconds = (performance.now() - began) / 1000;
    const choice = await readChoice(paths.agents[0]?.fused ?? '');
    const report = { paths, task: dataset.task, results, round, choice, scoringSeconds };
    await writeFile(paths.results, `${JSON.stringify(reportJson(report, options), null, 2)}\n`);
    await writeFile(paths.picture, demoPicture(results, options.plan, fusedLabel));
    return report;
  } catch (error) {
    if (signal.aborted) throw new RegmeanError('interrupted', 'demo: stopped', { cause: error });
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    await processes.stopAll();
    status.finish();
  }
}

/** The report as JSON: scores by model and test set, bytes and seconds by agent. */
export function reportJson(report: DemoReport, options: DemoOptions): Record<string, unknown> {
  const scores = (models: Results['singles']): Record<string, Record<string, number>> =>
    Object.fromEntries(models.map((model) => [model.label, Object.fromEntries(model.scores)]));
  const { results, round, paths, choice, scoringSeconds } = report;
  return {
    data: options.data,
    seed: options.seed,
    measure: options.plan.measure,
    fused: paths.agents[0]?.fused,
    domains: results.domains,
    outOfDomain: results.outOfDomain,
    singles: scores(results.singles),
    combined: scores(results.combined),
    choice,
    agents: round.agents,
    mergeSeconds: round.mergeSeconds,
    choiceSeconds: round.choiceSeconds,
    roundSeconds: round.seconds,
    scoringSeconds,
  };
}

function recipeOf({ base, data, plan, seed }: DemoOptions, dataset: DemoDataset): Recipe {
  return recipeSchema.parse({
    name: `demo-${data}`,
    base,
    task: dataset.task,
    labels: [...dataset.labels],
    agents: dataset.domains.map(({ domain }) => domain),
    headSeed: seed,
    training: { ...plan.training, seed },
    merge: { method: 'auto' },
  });
}

async function scoreEverything(
  processes: Processes,
  paths: DemoPaths,
  dataset: DemoDataset,
  round: RoundReport,
): Promise<Results> {
  const again = (out: string, ...method: string[]) =>
    processes.start(mergerLabel, ['merger', 'merge', '--store', paths.store, '--out', out, ...method]).done;
  await again(paths.simple, '--method', 'simple');
  await again(paths.regmean, '--method', 'regmean', '--alpha', String(regmeanAlpha));
  return scoreDemo(processes, paths, dataset.task, round.agents, [
    { label: 'Simple average', directory: paths.simple },
    { label: `RegMean, alpha ${regmeanAlpha}`, directory: paths.regmean },
    { label: fusedLabel, directory: paths.agents[0]?.fused ?? '' },
  ]);
}

/** How the fused model was chosen: its own report says. */
async function readChoice(fused: string): Promise<ChoiceReport> {
  const report = JSON.parse(await readFile(join(fused, mergeReportFile), 'utf8')) as MergeReport;
  if (report.choice === null) throw new TypeError(`${fused}: must be a choice among candidates`);
  return report.choice;
}

/** A line of the merger's log without its time, which the reader can see on the clock. */
function withoutTime(line: string): string {
  return line.replace(/^\d{4}-\S+Z \w+ /, '');
}
