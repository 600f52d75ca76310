/** @file Fine-tunes a model folder on data files into a new model folder. */
import { saveAdapter } from '../../shared/adapters/save-adapter.ts';
import { writeTrainingRecord } from '../../shared/contribution/training-record.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { batchesOf } from '../../shared/examples/batches-of.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import { batchFeeds } from '../../shared/examples/feeds.ts';
import { occurringClasses } from '../../shared/examples/labelled-examples.ts';
import { lengthsOf, planBatches } from '../../shared/examples/plan-batches.ts';
import { toolVersion } from '../../shared/files/tool-version.ts';
import { hasClasses } from '../../shared/models/classes.ts';
import { saveModel } from '../../shared/models/model-folder.ts';
import { deriveSeed } from '../../shared/random.ts';
import type { Compute } from '../../shared/runtime/compute.ts';
import { type RunContext, withoutProgress } from '../../shared/runtime/run-context.ts';
import { removeCheckpoint, saveCheckpoint, type TrainingProgress } from './checkpoint.ts';
import { prepareTraining, type TrainingRun } from './prepare-training.ts';
import { linearSchedule } from './schedule.ts';
import { createLossAndGradients, type LossAndGradients } from './train-step.ts';
import type { TrainingOptions } from './training-options.ts';

/**
 * Dropout begins a new random stream with each epoch and after this many steps in it, and the state
 * is only saved there, so that a continued training draws the same masks as one that was never
 * stopped.
 */
const stepsPerSegment = 100;

const saveIntervalMs = 60_000;

/** What came of a training. */
export interface TrainingResult {
  readonly out: string;
  readonly labels: readonly string[];
  readonly trainExamples: number;
  readonly truncatedExamples: number;
  /** Head parameters that were made from the head seed. */
  readonly newParameters: readonly string[];
  /** The epoch that was kept, counted from 1. */
  readonly epoch: number;
  /** Metrics of that epoch on the dev files; empty without them. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly steps: number;
  readonly tokensPerSecond: number;
  readonly seconds: number;
}

/**
 * Fine-tunes a model: AdamW, linear warm-up and decay, clipping by global norm; the best epoch by
 * the task's main metric on the dev files is kept. Stopped at any point, the same call continues
 * it.
 *
 * @param context stops the training between two steps; what was saved is continued by the next call
 * @throws RegmeanError `interrupted` when it was stopped
 */
export async function runTraining(options: TrainingOptions, context: RunContext): Promise<TrainingResult> {
  const startedAt = performance.now();
  const run = await prepareTraining(options, context);
  const { model, train, stepsPerEpoch, totalSteps } = run;
  let progress: TrainingProgress = run.restored ?? {
    step: 0,
    evaluatedEpochs: 0,
    best: null,
    identity: run.identity,
  };
  const save = () => saveCheckpoint(options.out, progress, run.parameters, run.optimizer);
  const lengths = lengthsOf(train);
  const tokensPerEpoch = lengths.reduce((sum, length) => sum + length, 0);
  const initialTokens = Math.round((progress.step / stepsPerEpoch) * tokensPerEpoch);
  const display = context.progress({
    label: 'training',
    total: tokensPerEpoch * options.epochs,
    unit: 'tokens',
    initial: initialTokens,
  });
  let tokens = initialTokens;
  let lastSavedAt = performance.now();
  let averageLoss = Number.NaN;
  let segment: LossAndGradients | null = null;

  try {
    while (progress.step < totalSteps || progress.evaluatedEpochs < options.epochs) {
      const epoch = Math.floor(progress.step / stepsPerEpoch);
      if (progress.evaluatedEpochs < epoch) {
        await segment?.dispose();
        segment = null;
        progress = await evaluateEpoch(run, options, progress, epoch, context);
        await save();
        lastSavedAt = performance.now();
        continue;
      }
      const { equalLengths } = model.config.inputs;
      const plan = planBatches(lengths, {
        batchSize: options.batchSize,
        seed: options.seed,
        epoch,
        equalLengths,
      });
      const rest = plan.slice(progress.step % stepsPerEpoch);
      const pass = { name: 'training', plan: rest, task: model.task, inputs: model.config.inputs };
      for await (const batch of batchesOf(train, pass, withoutProgress(context))) {
        if (segment === null || (progress.step % stepsPerEpoch) % stepsPerSegment === 0) {
          await segment?.dispose();
          if (performance.now() - lastSavedAt > saveIntervalMs) {
            await save();
            lastSavedAt = performance.now();
          }
          segment = await createSegment(run, options, progress.step, context.compute);
        }
        const loss = await segment.run(batchFeeds(batch, model.task));
        if (!Number.isFinite(loss)) throw lossNotFinite(progress.step, batch.indices, train);
        run.optimizer.step(
          linearSchedule(progress.step, {
            totalSteps,
            warmupRatio: options.warmupRatio,
            peak: options.learningRate,
          }),
        );
        progress = { ...progress, step: progress.step + 1 };
        tokens += batch.tokens;
        averageLoss = Number.isNaN(averageLoss) ? loss : 0.95 * averageLoss + 0.05 * loss;
        display.update(tokens, `epoch ${epoch + 1}/${options.epochs} · loss ${averageLoss.toFixed(4)}`);
      }
    }
  } catch (error) {
    throw isInterrupted(error) ? interrupted(options, progress) : error;
  } finally {
    await segment?.dispose();
    await run.scorer?.dispose();
  }

  const seconds = (performance.now() - startedAt) / 1000;
  const metrics = progress.best?.metrics ?? {};
  display.finish(progress.best === null ? undefined : `best epoch ${progress.best.epoch}`);
  await writeTrainingRecord(options.out, {
    task: model.task,
    labels: [...model.classes],
    ...run.base,
    ...(hasClasses(model.task)
      ? { seenLabels: occurringClasses({ classes: model.classes, examples: train }) }
      : {}),
    seed: options.seed,
    headSeed: options.headSeed,
    examples: train.length,
    epochs: options.epochs,
    metrics: { ...metrics },
    tool: toolVersion,
  });
  await removeCheckpoint(options.out);
  return {
    out: options.out,
    labels: model.classes,
    trainExamples: train.length,
    truncatedExamples: run.truncated,
    newParameters: run.newParameters,
    epoch: progress.best?.epoch ?? options.epochs,
    metrics,
    steps: progress.step,
    tokensPerSecond: Math.round((tokens - initialTokens) / seconds),
    seconds,
  };
}

function createSegment(
  run: TrainingRun,
  options: TrainingOptions,
  firstStep: number,
  compute: Compute,
): Promise<LossAndGradients> {
  return createLossAndGradients(
    run.model,
    {
      parameters: run.model.weights,
      gradientArena: run.gradients,
      dropoutSeed: deriveSeed(options.seed, 'dropout', firstStep),
    },
    compute,
  );
}

/**
 * Evaluates the weights after an epoch, and writes the model when it is the best so far (the last
 * without dev files).
 */
async function evaluateEpoch(
  run: TrainingRun,
  options: TrainingOptions,
  progress: TrainingProgress,
  epoch: number,
  context: RunContext,
): Promise<TrainingProgress> {
  const write = () =>
    run.model.updates === undefined
      ? saveModel(options.out, run.model, { sideFilesFrom: run.baseFolder })
      : saveAdapter(options.out, run.model, run.model.updates, run.parameters.tensors.keys(), run.baseFolder);
  if (run.scorer === null) {
    if (epoch === options.epochs) await write();
    return { ...progress, evaluatedEpochs: epoch };
  }
  const metrics = await run.scorer.score(
    run.dev,
    { batchSize: evaluationBatchSize(options.batchSize) },
    withoutProgress(context),
  );
  const metric = metrics[run.scorer.main] ?? Number.NaN;
  const shown = Object.entries(metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  context.note(`epoch ${epoch}/${options.epochs} on dev: ${shown.join(', ')}`);
  const better = progress.best === null || !(progress.best.metric >= metric);
  if (better) await write();
  return {
    ...progress,
    evaluatedEpochs: epoch,
    best: better ? { epoch, metric, metrics } : progress.best,
  };
}

/** Evaluation keeps no activations for gradients, so its batches may be larger. */
function evaluationBatchSize(batchSize: number): number {
  return 2 * batchSize;
}

function isInterrupted(error: unknown): boolean {
  return error instanceof RegmeanError && error.code === 'interrupted';
}

function interrupted(options: TrainingOptions, progress: TrainingProgress): RegmeanError {
  return new RegmeanError('interrupted', `training stopped at step ${progress.step}`, {
    hint: `the same command continues from the last saved state in ${options.out}`,
  });
}

function lossNotFinite(
  step: number,
  indices: readonly number[],
  train: readonly EncodedExample[],
): RegmeanError {
  const first = train[indices[0] ?? 0]?.source;
  return new RegmeanError(
    'numerical',
    `training: the loss is not finite at step ${step + 1} (batch with ${first?.file}, row ${first?.row})`,
    { hint: 'lower the learning rate; check the base model for damaged weights' },
  );
}
