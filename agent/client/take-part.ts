/**
 * @file An agent's whole way through a round. Each stage leaves a folder, and is skipped when its
 *   folder is there and was made from the same round, data and options.
 */
import { join } from 'node:path';
import type { LowRankOptions } from '../../shared/adapters/lora-plan.ts';
import { type FisherOptions, fisherReductions, fisherVariants } from '../../shared/contribution/fisher.ts';
import type { OutputGramsOptions } from '../../shared/contribution/output-grams.ts';
import { isTrained } from '../../shared/contribution/training-record.ts';
import { type ColumnNames, withAdvice } from '../../shared/data/column-names.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { exists } from '../../shared/files/present.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { MergerConnection } from '../../shared/wire/connection.ts';
import { getRound, type RoundInfo } from '../../shared/wire/get-round.ts';
import type { RetryOptions } from '../../shared/wire/with-retries.ts';
import { type StatisticsOptions, statisticsDefaults } from '../statistics/statistics-options.ts';
import { collectStatistics } from '../steps/collect-statistics.ts';
import { trainModel } from '../steps/train-model.ts';
import { learningRateFor, type TrainingOptions, trainingDefaults } from '../training/training-options.ts';
import { contribute } from './contribute.ts';
import { eventNotes } from './event-notes.ts';
import { fetchBase } from './fetch-base.ts';
import { fetchFused } from './fetch-fused.ts';
import { gramFormWanted } from './gram-form-wanted.ts';
import { refine } from './refine.ts';
import { roundTask } from './round-task.ts';
import { scoreCandidates } from './score-candidates.ts';
import { transferProgress } from './transfer-progress.ts';
import { waitToBeAsked } from './wait-for-merge.ts';
import { checksumsOf, stepFolder } from './work-folder.ts';

/** What an agent brings to a round. */
export interface TakePartOptions {
  /** Its name in the round. */
  readonly name: string;
  readonly trainFiles: readonly string[];
  readonly devFiles: readonly string[];
  /** What the columns of both are called, where neither the usual names nor the recipe say it. */
  readonly columns?: ColumnNames;
  /** Folder for `base`, `model` and `contribution`. */
  readonly work: string;
  /** Folder of the fused model. */
  readonly out: string;
  /** Whether the metrics on the dev files go into the contribution. */
  readonly shareMetrics: boolean;
  /**
   * Whether candidates are scored on the dev files, and the scores sent, where the round chooses
   * its merge by them.
   */
  readonly scoreCandidates: boolean;
  /** Whether a contribution of this agent that the merger has already may be replaced. */
  readonly replace?: boolean;
}

/** What came of it. */
export interface TakePartResult {
  readonly out: string;
  readonly model: string;
  readonly contribution: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Wall-clock seconds of each stage; a stage that was done before takes none. */
  readonly seconds: Readonly<
    Record<'base' | 'training' | 'statistics' | 'upload' | 'wait' | 'scoring' | 'refining' | 'fused', number>
  >;
}

/**
 * Takes part in a round: fetches the base model, fine-tunes it on the agent's data as the recipe
 * says, collects statistics, contributes, scores candidates or sends what is asked for again where
 * the round does so, waits for the merge and fetches the fused model. Called again after a stop, it
 * continues; a step whose round, base, data or options changed begins anew.
 *
 * @throws RegmeanError when the agent is not expected, the round fails, or a stage does
 */
export async function takePart(
  connection: MergerConnection,
  retry: Omit<RetryOptions, 'address'>,
  options: TakePartOptions,
  context: RunContext,
): Promise<TakePartResult> {
  const round = await getRound(connection, retry);
  const names = round.agents.map((agent) => agent.name);
  if (!names.includes(options.name)) {
    throw new RegmeanError(
      'usage',
      `--name ${options.name}: must be one of the round's agents (${names.join(', ')})`,
    );
  }
  const { work, trainFiles, devFiles } = options;
  const training = trainingOf(round, options);
  const statistics = statisticsOf(round, options);
  const clock = createClock();

  const base = await stepFolder(work, 'base', { files: round.base.files }, context);
  const baseProgress = transferProgress('fetching the base model', context);
  const fetchedBase = await fetchBase(connection, round.base, { ...retry, out: base, ...baseProgress });
  baseProgress.finish();
  const baseSeconds = clock();

  const ofModel = {
    base: round.base.fingerprint,
    training: { ...training, freeze: training.freeze.map(String) },
    data: [await checksumsOf(trainFiles), await checksumsOf(devFiles)],
  };
  const model = await stepFolder(work, 'model', ofModel, context);
  if (!(await isTrained(model))) {
    const tuning = { ...training, model: base, trainFiles, devFiles, out: model };
    await trainModel(tuning, context);
  }
  const trainingSeconds = clock();

  const contribution = await stepFolder(work, 'contribution', { ...ofModel, statistics }, context);
  if (!(await exists(contribution))) {
    // An adapter needs no statistics.
    const dataFiles = training.lora === undefined ? trainFiles : [];
    const source = { ...statistics, model, dataFiles, out: contribution };
    await collectStatistics(source, context);
  }
  const statisticsSeconds = clock();
  const uploadProgress = transferProgress('uploading', context);
  const sent = await contribute(connection, {
    ...retry,
    agent: options.name,
    dir: contribution,
    replace: options.replace ?? false,
    ...uploadProgress,
  });
  uploadProgress.finish();
  const uploadSeconds = clock();
  const scoring = {
    name: options.name,
    dataFiles: options.scoreCandidates ? devFiles : [],
    columns: options.columns,
    base,
    folder: join(work, 'candidates'),
  };
  const following = { ...retry, onEvent: eventNotes(context) };
  const { name, columns } = options;
  const again = { name, contribution, dataFiles: trainFiles, columns, work };
  const asked = { wait: 0, scoring: 0, refining: 0, bytesSent: 0, bytesReceived: 0 };
  for (let state = await waitToBeAsked(connection, name, following); state !== 'ROUND_STATE_MERGED'; ) {
    asked.wait += clock();
    if (state === 'ROUND_STATE_SCORING') {
      asked.bytesReceived += (await scoreCandidates(connection, retry, scoring, context)).bytesReceived;
      asked.scoring += clock();
    } else {
      const answer = await refine(connection, retry, again, context);
      asked.bytesSent += answer.bytesSent;
      asked.bytesReceived += answer.bytesReceived;
      asked.refining += clock();
    }
    state = await waitToBeAsked(connection, name, following);
  }
  asked.wait += clock();
  const fusedProgress = transferProgress('fetching the fused model', context);
  const fetchedFused = await fetchFused(connection, {
    ...retry,
    ...fusedProgress,
    out: options.out,
    agent: options.name,
  });
  fusedProgress.finish();
  return {
    out: options.out,
    model,
    contribution,
    bytesSent: sent.bytesSent + asked.bytesSent,
    bytesReceived: [fetchedBase, asked, fetchedFused].reduce((sum, own) => sum + own.bytesReceived, 0),
    seconds: {
      base: baseSeconds,
      training: trainingSeconds,
      statistics: statisticsSeconds,
      upload: uploadSeconds,
      wait: asked.wait,
      scoring: asked.scoring,
      refining: asked.refining,
      fused: clock(),
    },
  };
}

/**
 * How the round wants the base fine-tuned; what it leaves open is the default of `regmean train`.
 */
function trainingOf(
  round: RoundInfo,
  options: TakePartOptions,
): Omit<TrainingOptions, 'model' | 'out' | 'trainFiles' | 'devFiles'> {
  const { epochs, batchSize, learningRate, warmupRatio, weightDecay, maxLength, seed, freeze } =
    round.training ?? {};
  const lora = lowRankOf(round);
  return {
    task: roundTask(round),
    columns: withAdvice(options.columns, round.data),
    labels: round.labels,
    epochs: epochs ?? trainingDefaults.epochs,
    batchSize: batchSize ?? trainingDefaults.batchSize,
    learningRate: learningRateFor(learningRate, lora),
    warmupRatio: warmupRatio ?? trainingDefaults.warmupRatio,
    weightDecay: weightDecay ?? trainingDefaults.weightDecay,
    seed: seed ?? trainingDefaults.seed,
    headSeed: round.headSeed,
    freeze: (freeze ?? []).map((pattern) => new RegExp(pattern)),
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(lora === undefined ? {} : { lora }),
  };
}

/** The updates that the round wants trained; undefined where it wants whole models. */
function lowRankOf({ training }: RoundInfo): LowRankOptions | undefined {
  const lora = training?.lora;
  if (!lora) return undefined;
  const { rank, alpha, targets } = lora;
  return { rank, alpha, targets: targets.length === 0 ? undefined : targets };
}

/** Which statistics the round wants of the agent's model. */
function statisticsOf(
  round: RoundInfo,
  options: TakePartOptions,
): Omit<StatisticsOptions, 'model' | 'out' | 'dataFiles'> {
  const { batchSize, maxLength } = round.training ?? {};
  return {
    task: roundTask(round),
    columns: withAdvice(options.columns, round.data),
    agent: options.name,
    batches: round.statistics?.batches ?? statisticsDefaults.batches,
    batchSize: batchSize ?? statisticsDefaults.batchSize,
    seed: statisticsDefaults.seed,
    shareMetrics: options.shareMetrics,
    grams: round.statistics?.grams ?? true,
    ...gramFormWanted(round),
    ...(round.statistics?.norms === true ? { norms: true } : {}),
    ...fisherOf(round),
    ...outputGramsOf(round),
    ...(maxLength === undefined ? {} : { maxLength }),
  };
}

/** The Fisher information that the round wants, in our words. */
function fisherOf({ statistics }: RoundInfo): { fisher?: FisherOptions } {
  const wanted = statistics?.fisher;
  if (wanted === undefined || wanted === null) return {};
  const variant = fisherVariants.find((own) => own === wanted.variant);
  const reduction = fisherReductions.find((own) => own === wanted.reduction);
  if (variant === undefined || reduction === undefined) {
    const got = `${wanted.variant}, ${wanted.reduction}`;
    throw new RegmeanError(
      'unsupported',
      `the round wants Fisher information of a kind not known here, ${got}`,
    );
  }
  return { fisher: { variant, reduction, examples: wanted.examples } };
}

/** The output Grams that the round wants, in our words. */
function outputGramsOf({ statistics }: RoundInfo): { outputGrams?: OutputGramsOptions } {
  const wanted = statistics?.outputGrams;
  if (wanted === undefined || wanted === null) return {};
  const variant = fisherVariants.find((own) => own === wanted.variant);
  if (variant === undefined) {
    throw new RegmeanError(
      'unsupported',
      `the round wants output Grams of a kind not known here, ${wanted.variant}`,
    );
  }
  return { outputGrams: { variant, examples: wanted.examples } };
}

/** Seconds since the last call. */
function createClock(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const seconds = (now - last) / 1000;
    last = now;
    return seconds;
  };
}
