/**
 * @file Everything a training needs before its first step: model, examples, optimizer, and the
 *   state to continue from.
 */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RegmeanError } from '../../shared/errors.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import { lengthsOf, planBatches } from '../../shared/examples/plan-batches.ts';
import { sha256OfFile } from '../../shared/files/checksum.ts';
import { type GraphModel, requireGraphModel } from '../../shared/formats/model-format.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import { trainingStateFolder } from '../../shared/formats/unfinished-training.ts';
import { labelsInFiles, loadModelExamples } from '../../shared/inference/load-examples.ts';
import { createScorer, type Scorer } from '../../shared/inference/scorer.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import { noteSurplus } from '../../shared/models/surplus-tensors.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { type AdamW, adamWDefaults, createAdamW } from './adamw.ts';
import { restoreCheckpoint, type TrainingProgress } from './checkpoint.ts';
import { checkKeptHead, classesInBaseOrder, classesOfFixedHead } from './head-classes.ts';
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
  readonly baseFingerprint: string;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  readonly identity: string;
  readonly restored: TrainingProgress | null;
}

/** Loads model, data and any unfinished state of a training. Throws before anything is written. */
export function prepareTraining(options: TrainingOptions, context: RunContext): Promise<TrainingRun> {
  return withModel(options.model, (base) =>
    prepareFrom(requireGraphModel(base, 'no training here of'), options, context),
  );
}

async function prepareFrom(
  base: GraphModel,
  options: TrainingOptions,
  context: RunContext,
): Promise<TrainingRun> {
  const inBase = await base.classNames(options.task);
  const labels = options.labels ?? (await labelsFor(base, options, inBase));
  const loaded = await base.load({ task: options.task, labels, headSeed: options.headSeed });
  const ofHead = checkKeptHead(loaded, inBase, options.model);
  const notes = [...(ofHead === null ? [] : [ofHead]), ...(loaded.model.architecture.notes ?? [])];
  for (const note of notes) context.note(note);
  const load = (files: readonly string[]) =>
    loadModelExamples(loaded.model, {
      files,
      columns: options.columns,
      modelFolder: base.folder,
      labelled: true,
      maxLength: options.maxLength,
    });
  const { examples: train, truncated } = await load(options.trainFiles);
  const dev = options.devFiles.length > 0 ? (await load(options.devFiles)).examples : [];

  const trained = [...loaded.model.weights].filter(([name]) => !options.freeze.some((p) => p.test(name)));
  if (trained.length === 0)
    throw new RegmeanError('usage', '--freeze: at least one parameter must be trained');
  const shapes = new Map(trained.map(([name, tensor]) => [name, tensor.shape]));
  const parameters = createArena(shapes);
  fillArena(parameters, loaded.model.weights);
  const gradients = createArena(shapes);
  const optimizer = await createAdamW(
    parameters,
    gradients,
    { ...adamWDefaults, weightDecay: options.weightDecay },
    context.compute,
  );
  const weights = new Map(
    [...loaded.model.weights].map(([name, tensor]) => [name, parameters.tensors.get(name) ?? tensor]),
  );
  const model: Model = { ...loaded.model, weights };
  const fingerprint = await base.fingerprint();
  const identity = await identityOf(options, labels, fingerprint);
  const restored = await restoreCheckpoint(options.out, identity, parameters, optimizer);
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
    baseFingerprint: fingerprint,
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
async function labelsFor(
  { hasFixedHead }: GraphModel,
  { task, trainFiles, columns }: TrainingOptions,
  inBase: readonly string[] | null,
): Promise<readonly string[]> {
  const inData = await labelsInFiles(trainFiles, task, columns);
  return hasFixedHead ? classesOfFixedHead(inData, inBase) : classesInBaseOrder(inData, inBase);
}

/** What must be equal for a saved state to continue this training. */
async function identityOf(
  options: TrainingOptions,
  labels: readonly string[],
  fingerprint: string,
): Promise<string> {
  const { model: _, out: __, freeze, trainFiles, devFiles, ...rest } = options;
  const files = await Promise.all([...trainFiles, ...devFiles].map(sha256OfFile));
  const text = JSON.stringify({ ...rest, labels, fingerprint, files, freeze: freeze.map(String) });
  return createHash('sha256').update(text).digest('hex');
}
