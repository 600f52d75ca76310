/** @file Fine-tunes a LayersModel with TensorFlow.js' own autodiff and Adam. */
import type { Variable } from '@tensorflow/tfjs-core';
import { baseIdentity } from '../../shared/contribution/base-identity.ts';
import { writeTrainingRecord } from '../../shared/contribution/training-record.ts';
import type { Row } from '../../shared/data/row.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { batchesOf } from '../../shared/examples/batches-of.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import { occurringClasses } from '../../shared/examples/labelled-examples.ts';
import { lengthsOf, planBatches } from '../../shared/examples/plan-batches.ts';
import { requireNewFolder, writeFolderAtomically } from '../../shared/files/atomic-folder.ts';
import { toolVersion } from '../../shared/files/tool-version.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import { createLayersPredictor } from '../../shared/inference/layers-predictor.ts';
import {
  classesOfRows,
  examplesOf,
  type LoadedExamples,
  readDataFor,
} from '../../shared/inference/load-examples.ts';
import { createLogitScorer } from '../../shared/inference/scorer.ts';
import { hasClasses } from '../../shared/models/classes.ts';
import { copySideFiles } from '../../shared/models/side-files.ts';
import { type RunContext, withoutProgress } from '../../shared/runtime/run-context.ts';
import type { StateDict } from '../../shared/tensor.ts';
import { writeLayersModel } from '../../shared/tensorflow/layers-model.ts';
import {
  type BuiltLayersModel,
  buildLayersModel,
  type LoadedLayersModel,
  withHeadClasses,
} from '../../shared/tensorflow/load-layers-model.ts';
import { type LayersNetwork, weightsOf } from '../../shared/tensorflow/network.ts';
import { requireReadable } from '../../shared/tensorflow/readable.ts';
import { classesOfFixedHead } from '../training/head-classes.ts';
import type { TrainingResult } from '../training/run-training.ts';
import { linearSchedule } from '../training/schedule.ts';
import type { TrainingOptions } from '../training/training-options.ts';
import { createStep } from './training-step.ts';

/** The best epoch so far. */
interface Best {
  readonly epoch: number;
  readonly metric: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly weights: StateDict;
}

/**
 * Fine-tunes a LayersModel: Adam, decoupled weight decay, clipping by global norm and the schedule
 * of `regmean train`. Batches follow the seed; so does dropout only where the model's Dropout
 * layers have seeds. It cannot be continued after a stop.
 *
 * @throws RegmeanError `interrupted` when the signal stopped it; nothing is written then
 */
export async function trainLayersModel(
  options: TrainingOptions,
  context: RunContext,
): Promise<TrainingResult> {
  await requireNewFolder(options.out);
  const classNames = await withModel(options.model, (base) => base.classNames(options.task));
  const built = await buildLayersModel(options.model, options.task, context);
  try {
    return await trainNetwork(built, classNames, options, context);
  } finally {
    built.network.model.dispose();
  }
}

/** @param classNames names of the model's classes, where they are known */
async function trainNetwork(
  built: BuiltLayersModel,
  classNames: readonly string[] | null,
  options: TrainingOptions,
  context: RunContext,
): Promise<TrainingResult> {
  const startedAt = performance.now();
  const { task, trainFiles, devFiles, columns, maxLength } = options;
  const { network, file } = built;
  const read = async (files: readonly string[]): Promise<readonly Row[]> =>
    (await readDataFor({ files, columns, task, labelled: true, inputs: network.inputs })).rows;
  const trainRows = await read(trainFiles);
  const devRows = devFiles.length === 0 ? [] : await read(devFiles);
  const classes = options.labels ?? classesOfFixedHead(classesOfRows(trainRows, task), classNames);
  const opened = await withHeadClasses(built, classes);
  const encode = (rows: readonly Row[]): Promise<LoadedExamples> =>
    examplesOf(rows, { ...opened, inputs: network.inputs, modelFolder: file.folder, maxLength });
  const { examples: train, truncated } = await encode(trainRows);
  const dev = devRows.length === 0 ? [] : (await encode(devRows)).examples;
  requireReadable(network, [...train, ...dev]);
  const trained = [...network.variables].filter(
    ([name]) => network.trainable.has(name) && !options.freeze.some((pattern) => pattern.test(name)),
  );
  if (trained.length === 0)
    throw new RegmeanError('usage', '--freeze: at least one parameter must be trained');

  const { best, steps, tokens } = await trainEpochs(opened, trained, { train, dev }, options, context);
  await save(opened, options, train, best);
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    out: options.out,
    labels: opened.classes,
    trainExamples: train.length,
    truncatedExamples: truncated,
    newParameters: [],
    epoch: best.epoch,
    metrics: best.metrics,
    steps,
    tokensPerSecond: Math.round(tokens / seconds),
    seconds,
  };
}

/** Data of a training. */
interface TrainingData {
  readonly train: readonly EncodedExample[];
  /** Chooses the epoch that is kept. */
  readonly dev: readonly EncodedExample[];
}

async function trainEpochs(
  opened: LoadedLayersModel,
  trained: readonly (readonly [string, Variable])[],
  { train, dev }: TrainingData,
  options: TrainingOptions,
  context: RunContext,
): Promise<{ readonly best: Best; readonly steps: number; readonly tokens: number }> {
  const { network, task } = opened;
  const scorer = createLogitScorer(createLayersPredictor(network, task), task, opened.classes);
  const lengths = lengthsOf(train);
  const total = lengths.reduce((sum, length) => sum + length, 0) * options.epochs;
  const progress = context.progress({ label: 'training', total, unit: 'tokens' });
  const silent = withoutProgress(context);
  const step = createStep(opened, trained, options.weightDecay);
  let best: Best | null = null;
  let steps = 0;
  let tokens = 0;
  try {
    for (let epoch = 0; epoch < options.epochs; epoch++) {
      const plan = planBatches(lengths, {
        batchSize: options.batchSize,
        seed: options.seed,
        epoch,
        equalLengths: network.inputs.equalLengths,
      });
      const pass = { name: 'training', plan, task, inputs: network.inputs };
      for await (const batch of batchesOf(train, pass, silent)) {
        const rate = linearSchedule(steps, {
          totalSteps: plan.length * options.epochs,
          warmupRatio: options.warmupRatio,
          peak: options.learningRate,
        });
        const loss = step.run(batch, rate);
        if (!Number.isFinite(loss)) throw lossNotFinite(steps, train[batch.indices[0] ?? 0]);
        steps++;
        tokens += batch.tokens;
        progress.update(tokens, `epoch ${epoch + 1}/${options.epochs} · loss ${loss.toFixed(4)}`);
      }
      const evaluation = { batchSize: options.batchSize };
      const metrics = dev.length === 0 ? {} : await scorer.score(dev, evaluation, silent);
      best = better(
        best,
        { epoch: epoch + 1, metric: metrics[scorer.main] ?? epoch, metrics },
        network,
        context,
      );
    }
  } finally {
    step.dispose();
  }
  if (best === null) throw new RegmeanError('usage', '--epochs: must be at least 1');
  progress.finish(`epoch ${best.epoch} kept`);
  return { best, steps, tokens };
}

function better(
  best: Best | null,
  now: Omit<Best, 'weights'>,
  network: LayersNetwork,
  context: RunContext,
): Best {
  const shown = Object.entries(now.metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  if (shown.length > 0) context.note(`epoch ${now.epoch} on dev: ${shown.join(', ')}`);
  return best !== null && best.metric >= now.metric ? best : { ...now, weights: weightsOf(network) };
}

async function save(
  { file, task, classes }: LoadedLayersModel,
  options: TrainingOptions,
  train: readonly EncodedExample[],
  best: Best,
): Promise<void> {
  const base = await baseIdentity(options.model);
  await writeFolderAtomically(options.out, async (folder) => {
    await writeLayersModel(folder, file.json, best.weights, { from: file.folder, task, classes });
    await copySideFiles(file.folder, folder);
    await writeTrainingRecord(folder, {
      task,
      labels: [...classes],
      ...base,
      ...(hasClasses(task) ? { seenLabels: occurringClasses({ classes, examples: train }) } : {}),
      seed: options.seed,
      examples: train.length,
      epochs: options.epochs,
      metrics: { ...best.metrics },
      tool: toolVersion,
    });
  });
}

function lossNotFinite(step: number, example: EncodedExample | undefined): RegmeanError {
  const where = `${example?.source.file}, row ${example?.source.row}`;
  return new RegmeanError(
    'numerical',
    `training: the loss is not finite at step ${step + 1} (batch with ${where})`,
    {
      hint: 'lower the learning rate',
    },
  );
}
