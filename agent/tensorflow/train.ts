/** @file Fine-tunes a LayersModel with TensorFlow.js' own autodiff and Adam. */
import type { AdamOptimizer, Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-core';
import { type Progress, startProgress } from '../../shared/cli/progress.ts';
import { toolVersion } from '../../shared/cli/version.ts';
import { baseFingerprint } from '../../shared/contribution/base-fingerprint.ts';
import { writeTrainingRecord } from '../../shared/contribution/training-record.ts';
import { collate } from '../../shared/data/collate.ts';
import type { Batch, EncodedExample } from '../../shared/data/example.ts';
import { planBatches } from '../../shared/data/plan-batches.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { requireNewFolder, writeFolderAtomically } from '../../shared/files/atomic-folder.ts';
import { occurringClasses } from '../../shared/inference/labelled-examples.ts';
import { labelsInFiles, loadExamples } from '../../shared/inference/load-examples.ts';
import { createLogitScorer } from '../../shared/inference/scorer.ts';
import { problemTypeOf } from '../../shared/models/labels.ts';
import { copyTokenizer } from '../../shared/models/model-folder.ts';
import { ignoredLabel } from '../../shared/task.ts';
import type { StateDict } from '../../shared/tensor.ts';
import { writeLayersModel } from '../../shared/tensorflow/layers-model.ts';
import { adamWDefaults } from '../training/adamw.ts';
import { isDecayed } from '../training/parameter-arena.ts';
import type { TrainingResult } from '../training/run-training.ts';
import { linearSchedule } from '../training/schedule.ts';
import type { TrainingOptions } from '../training/training-options.ts';
import { type LayersNetwork, weightsOf } from './network.ts';
import { type OpenLayersModel, openModel } from './open-model.ts';
import { createLayersPredictor } from './predictor.ts';

/** The best epoch so far. */
interface Best {
  readonly epoch: number;
  readonly metric: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly weights: StateDict;
}

/**
 * Fine-tunes a LayersModel: Adam, decoupled weight decay, clipping by global norm and the schedule of `regmean train`. Batches follow
 * the seed; so does dropout only where the model's Dropout layers have seeds. It cannot be continued after a stop.
 *
 * @throws RegmeanError `interrupted` when the signal stopped it; nothing is written then
 */
export async function trainLayersModel(
  options: TrainingOptions,
  signal?: AbortSignal,
): Promise<TrainingResult> {
  const startedAt = performance.now();
  await requireNewFolder(options.out);
  const labels = options.labels ?? (await labelsInFiles(options.trainFiles, options.task));
  const opened = await openModel(options.model, options.task, labels);
  const { network, file } = opened;
  const load = (files: readonly string[]) =>
    loadExamples({
      ...opened,
      ...network,
      files,
      modelFolder: file.folder,
      labelled: true,
      maxLength: options.maxLength,
    });
  const { examples: train, truncated } = await load(options.trainFiles);
  const dev = options.devFiles.length > 0 ? (await load(options.devFiles)).examples : [];
  const trained = [...network.variables].filter(
    ([name]) => network.trainable.has(name) && !options.freeze.some((pattern) => pattern.test(name)),
  );
  if (trained.length === 0)
    throw new RegmeanError('usage', '--freeze: at least one parameter must be trained');

  const scorer = createLogitScorer(createLayersPredictor(network, options.task), options.task, opened.labels);
  const lengths = train.map((example) => example.inputIds.length);
  const total = lengths.reduce((sum, length) => sum + length, 0) * options.epochs;
  const progress = startProgress({ label: 'training', total, unit: 'tokens' });
  const step = createStep(opened, trained, options.weightDecay);
  let best: Best | null = null;
  let steps = 0;
  let tokens = 0;
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    const plan = planBatches(lengths, {
      batchSize: options.batchSize,
      seed: options.seed,
      epoch,
      equalLengths: network.config.equalLengths,
    });
    for (const indices of plan) {
      if (signal?.aborted === true)
        throw new RegmeanError('interrupted', `training stopped at step ${steps}`);
      const batch = collate(train, indices, network.config, options.task);
      const rate = linearSchedule(
        steps,
        plan.length * options.epochs,
        options.warmupRatio,
        options.learningRate,
      );
      const loss = step(batch, rate);
      if (!Number.isFinite(loss)) throw lossNotFinite(steps, train[indices[0] ?? 0]);
      steps++;
      tokens += batch.tokens;
      progress.update(tokens, `epoch ${epoch + 1}/${options.epochs} · loss ${loss.toFixed(4)}`);
      // Steps are synchronous; this lets Ctrl-C in.
      await new Promise((resolve) => setImmediate(resolve));
    }
    const metrics = dev.length === 0 ? {} : await scorer.score(dev, options.batchSize);
    best = better(
      best,
      { epoch: epoch + 1, metric: metrics[scorer.main] ?? epoch, metrics },
      network,
      progress,
    );
  }
  if (best === null) throw new RegmeanError('usage', '--epochs: must be at least 1');
  progress.finish(`epoch ${best.epoch} kept`);
  await save(opened, options, train, best);
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    out: options.out,
    labels: opened.labels,
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

function better(
  best: Best | null,
  now: Omit<Best, 'weights'>,
  network: LayersNetwork,
  progress: Progress,
): Best {
  const shown = Object.entries(now.metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  if (shown.length > 0) progress.note(`epoch ${now.epoch} on dev: ${shown.join(', ')}`);
  return best !== null && best.metric >= now.metric ? best : { ...now, weights: weightsOf(network) };
}

/** One step: gradients, clipping, decay, Adam. Returns the loss. */
function createStep(
  { network, task }: OpenLayersModel,
  trained: readonly (readonly [string, Variable])[],
  weightDecay: number,
): (batch: Batch, learningRate: number) => number {
  const { core } = network.tensorFlow;
  const { beta1, beta2, epsilon, maxGradientNorm } = adamWDefaults;
  const optimizer = core.train.adam(0, beta1, beta2, epsilon);
  const variables = trained.map(([, variable]) => variable);
  return (batch, learningRate) => {
    const { value, grads } = core.variableGrads(() => lossOf(network, task, batch), variables);
    const loss = value.dataSync()[0] ?? Number.NaN;
    core.tidy(() => {
      const squares = Object.values(grads).map((gradient) => core.sum(core.square(gradient)));
      const norm = Math.sqrt(core.addN(squares).dataSync()[0] ?? 0);
      const scale = Math.min(1, maxGradientNorm / (norm + 1e-6));
      const clipped = Object.entries(grads).map(([name, gradient]) => ({
        name,
        tensor: core.mul(gradient, scale),
      }));
      for (const [name, variable] of trained) {
        if (weightDecay > 0 && isDecayed(name.replaceAll('/', '.'))) {
          variable.assign(core.mul(variable, 1 - learningRate * weightDecay));
        }
      }
      setLearningRate(optimizer, learningRate);
      optimizer.applyGradients(clipped);
    });
    core.dispose([value, grads]);
    return loss;
  };
}

/** Adam has no method for it; its rate is a plain field that each update reads. */
function setLearningRate(optimizer: AdamOptimizer, learningRate: number): void {
  Object.assign(optimizer, { learningRate });
}

/** The task's mean loss, as in shared/models/loss.ts. */
export function lossOf(network: LayersNetwork, task: OpenLayersModel['task'], batch: Batch): Scalar {
  const { tensorFlow, model, outputs, length } = network;
  const { core } = tensorFlow;
  const logits = network.logitsOf(model.apply(network.inputsOf(batch), { training: true }) as Tensor);
  const labels = batch.labels ?? new Int32Array(0);
  const crossEntropy = (rows: Tensor, ids: Int32Array): Scalar =>
    core.losses.softmaxCrossEntropy(
      core.oneHot(core.tensor1d(ids, 'int32'), outputs),
      rows as Tensor2D,
    ) as Scalar;
  switch (task) {
    case 'multi-label-classification':
      return core.losses.sigmoidCrossEntropy(
        core.tensor2d(labels, [batch.batchSize, outputs]),
        logits as Tensor2D,
      ) as Scalar;
    case 'regression':
      return core.losses.meanSquaredError(
        core.tensor1d(labels),
        core.reshape(logits, [batch.batchSize]),
      ) as Scalar;
    case 'token-classification': {
      const width = length ?? batch.seqLength;
      const kept = [...labels.keys()].filter((at) => labels[at] !== ignoredLabel);
      const rows = kept.map((at) => Math.floor(at / batch.seqLength) * width + (at % batch.seqLength));
      const flat = core.reshape(logits, [batch.batchSize * width, outputs]);
      return crossEntropy(
        core.gather(flat, core.tensor1d(rows, 'int32')),
        Int32Array.from(kept, (at) => labels[at] ?? 0),
      );
    }
    default:
      return crossEntropy(logits, Int32Array.from(labels));
  }
}

async function save(
  { file, task, labels }: OpenLayersModel,
  options: TrainingOptions,
  train: readonly EncodedExample[],
  best: Best,
): Promise<void> {
  const fingerprint = await baseFingerprint(options.model);
  await writeFolderAtomically(options.out, async (folder) => {
    await writeLayersModel(folder, file.json, best.weights, {
      id2label: Object.fromEntries(labels.entries()),
      label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
      ...problemTypeOf(task),
    });
    await copyTokenizer(file.folder, folder);
    await writeTrainingRecord(folder, {
      task,
      labels: task === 'regression' ? [] : [...labels],
      baseFingerprint: fingerprint,
      ...(task === 'regression' ? {} : { seenLabels: occurringClasses({ labels, examples: train }) }),
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
