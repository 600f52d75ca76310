/**
 * @file Everything a training needs before its first step: model, examples, optimizer, and the
 *   state to continue from.
 */

import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { planLora } from '../../shared/adapters/lora-plan.ts';
import { type BaseIdentity, identified } from '../../shared/contribution/base-identity.ts';
import type { ReadData } from '../../shared/data/read-rows.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import { lengthsOf, planBatches } from '../../shared/examples/plan-batches.ts';
import { type GraphModel, requireGraphModel } from '../../shared/formats/model-format.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import { trainingStateFolder } from '../../shared/formats/unfinished-training.ts';
import {
  classesOfRows,
  examplesOf,
  type LoadedExamples,
  readDataFor,
} from '../../shared/inference/load-examples.ts';
import { createScorer, type Scorer } from '../../shared/inference/scorer.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import { noteSurplus } from '../../shared/models/surplus-tensors.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { type AdamW, adamWDefaults, createAdamW } from './adamw.ts';
import { restoreCheckpoint, type TrainingProgress } from './checkpoint.ts';
import { checkKeptHead, classesInBaseOrder, classesOfFixedHead } from './head-classes.ts';
import { withUpdates } from './low-rank-training.ts';
import { createArena, fillArena, type ParameterArena } from './parameter-arena.ts';
import type { TrainingOptions } from './training-options.ts';

/** Everything a training works on. */
export interface TrainingRun {
  /** Its weights are views into `parameters`, or the frozen tensors themselves. */
  readonly model: Model;
  /** The base's folder, whose tokenizer the model keeps. */
  readonly baseFolder: string;
  readonly train: readonly EncodedExample[];
  readonly truncated: number;
  readonly dev: readonly EncodedExample[];
  /** Null without dev files. */
  readonly scorer: Scorer | null;
  readonly parameters: ParameterArena;
  readonly gradients: ParameterArena;
  readonly optimizer: AdamW;
  readonly newParameters: readonly string[];
  readonly base: BaseIdentity;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  readonly identity: string;
  readonly restored: TrainingProgress | null;
}

/** Loads model, data and any unfinished state of a training. Throws before anything is written. */
export function prepareTraining(options: TrainingOptions, context: RunContext): Promise<TrainingRun> {
  return withModel(options.model, (base) =>
    prepareFrom(
      requireGraphModel(base, (kinds) => `${kinds} are trained by TensorFlow.js`),
      options,
      context,
    ),
  );
}

async function prepareFrom(
  base: GraphModel,
  options: TrainingOptions,
  context: RunContext,
): Promise<TrainingRun> {
  const { trainFiles, devFiles, columns, task, maxLength } = options;
  const inputs = await base.inputs(task);
  const read = (files: readonly string[]): Promise<ReadData> =>
    readDataFor({ files, columns, task, labelled: true, inputs });
  const trainData = await read(trainFiles);
  const devData = devFiles.length === 0 ? null : await read(devFiles);
  const inBase = await base.classNames(task);
  const classes = options.labels ?? headClasses(base, classesOfRows(trainData.rows, task), inBase);
  const loaded = await base.load({ task: options.task, classes, headSeed: options.headSeed });
  const ofHead = checkKeptHead(loaded, inBase, options.model);
  const notes = [...(ofHead === null ? [] : [ofHead]), ...(loaded.model.architecture.notes ?? [])];
  for (const note of notes) context.note(note);
  const encode = ({ rows }: ReadData): Promise<LoadedExamples> => {
    const { model } = loaded;
    return examplesOf(rows, { ...model, inputs: model.config.inputs, modelFolder: base.folder, maxLength });
  };
  const { examples: train, truncated, notes: onData } = await encode(trainData);
  for (const note of onData) context.note(note);
  const dev = devData === null ? [] : (await encode(devData)).examples;

  const { lora, freeze, headSeed } = options;
  const lowRank =
    lora === undefined
      ? null
      : withUpdates(loaded.model, await planLora(base, { task, classes, freeze }, lora), headSeed);
  const whole = lowRank?.model ?? loaded.model;
  const trained = [...whole.weights].filter(
    ([name]) => (lowRank?.trained.has(name) ?? true) && !options.freeze.some((p) => p.test(name)),
  );
  if (trained.length === 0)
    throw new RegmeanError('usage', '--freeze: at least one parameter must be trained');
  const shapes = new Map(trained.map(([name, tensor]) => [name, tensor.shape]));
  const parameters = createArena(shapes);
  fillArena(parameters, whole.weights);
  const gradients = createArena(shapes);
  const optimizer = createAdamW(
    { parameters, gradients },
    { ...adamWDefaults, weightDecay: options.weightDecay },
  );
  const weights = new Map(
    [...whole.weights].map(([name, tensor]) => [name, parameters.tensors.get(name) ?? tensor]),
  );
  const model: Model = { ...whole, weights };
  const fingerprint = await base.fingerprint();
  const files = [...(await trainData.digests()), ...((await devData?.digests()) ?? [])];
  const identity = identityOf(options, { labels: classes, fingerprint, files });
  const restored = await restoreCheckpoint({ out: options.out, identity }, parameters, optimizer);
  // From here on the folder is known as an unfinished training, even when it stops between its
  // model and its state.
  await mkdir(join(options.out, trainingStateFolder), { recursive: true });
  noteSurplus({ ...options, surplus: loaded.surplus }, context);
  const { equalLengths } = model.config.inputs;
  const firstEpoch = { batchSize: options.batchSize, seed: options.seed, epoch: 0, equalLengths };
  const stepsPerEpoch = planBatches(lengthsOf(train), firstEpoch).length;
  return {
    model,
    baseFolder: base.folder,
    train,
    truncated,
    dev,
    scorer: dev.length > 0 ? await createScorer(model, weights, context.compute) : null,
    parameters,
    gradients,
    optimizer,
    newParameters: loaded.initialized,
    base: identified(fingerprint),
    stepsPerEpoch,
    totalSteps: stepsPerEpoch * options.epochs,
    identity,
    restored,
  };
}

/**
 * The classes of the training files; of a network whose head cannot be renewed its own, where it
 * knows them all.
 */
function headClasses(
  { hasFixedHead }: GraphModel,
  inData: readonly string[],
  inBase: readonly string[] | null,
): readonly string[] {
  return hasFixedHead ? classesOfFixedHead(inData, inBase) : classesInBaseOrder(inData, inBase);
}

/** What must be equal for a saved state to continue this training. */
function identityOf(
  options: TrainingOptions,
  depends: { labels: readonly string[]; fingerprint: string; files: readonly string[] },
): string {
  const { model: _, out: __, freeze, trainFiles: ___, devFiles: ____, ...rest } = options;
  const text = JSON.stringify({ ...rest, ...depends, freeze: freeze.map(String) });
  return createHash('sha256').update(text).digest('hex');
}
