/** @file One step of training a LayersModel: the loss, TensorFlow.js' gradients, and Adam. */
import type { AdamOptimizer, Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-core';
import { RegmeanError } from '../../shared/errors.ts';
import type { Batch } from '../../shared/examples/example.ts';
import { ignoredLabel } from '../../shared/task.ts';
import { layersWithin } from '../../shared/tensorflow/layer-tree.ts';
import type { Core } from '../../shared/tensorflow/library.ts';
import type { LoadedLayersModel } from '../../shared/tensorflow/load-layers-model.ts';
import type { LayersNetwork } from '../../shared/tensorflow/network.ts';
import { adamWDefaults } from '../training/adamw.ts';
import { isDecayed } from '../training/parameter-arena.ts';

const tunedElsewhere = 'a model that was fine-tuned elsewhere can still be contributed: regmean stats';

/** Trains a network on one batch after the other. */
export interface TrainingStep {
  /** Returns the loss. */
  run(batch: Batch, learningRate: number): number;
  dispose(): void;
}

/**
 * One step: gradients, clipping, decay, Adam. BatchNormalization moves its averages meanwhile.
 *
 * @throws RegmeanError `unsupported` when TensorFlow.js has no gradient for a layer
 */
export function createStep(
  { network, task }: LoadedLayersModel,
  trained: readonly (readonly [string, Variable])[],
  weightDecay: number,
): TrainingStep {
  const { core } = network.tensorFlow;
  const { beta1, beta2, epsilon, maxGradientNorm } = adamWDefaults;
  const optimizer = core.train.adam(0, beta1, beta2, epsilon);
  const variables = trained.map(([, variable]) => variable);
  requireGradients(network);
  const run = (batch: Batch, learningRate: number): number => {
    const { value, grads } = gradientsOf(core, () => trainingLoss(network, task, batch), variables);
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
        if (weightDecay > 0 && isDecayedWeight(name)) {
          variable.assign(core.mul(variable, 1 - learningRate * weightDecay));
        }
      }
      setLearningRate(optimizer, learningRate);
      optimizer.applyGradients(clipped);
    });
    core.dispose([value, grads]);
    return loss;
  };
  return { run, dispose: () => optimizer.dispose() };
}

/**
 * BatchNormalization with one of its two weights only has a bug in TensorFlow.js: the other is read
 * all the same.
 */
function requireGradients({ tensorFlow, model }: LayersNetwork): void {
  for (const layer of layersWithin(tensorFlow.layers, model)) {
    const { scale, center } = layer.getConfig();
    if (layer.getClassName() !== 'BatchNormalization' || (scale !== false && center !== false)) continue;
    throw new RegmeanError(
      'unsupported',
      `training: the BatchNormalization layer ${layer.name} must have scale and center, TensorFlow.js cannot train it without`,
      { hint: tunedElsewhere },
    );
  }
}

function gradientsOf(
  core: Core,
  loss: () => Scalar,
  variables: Variable[],
): ReturnType<Core['variableGrads']> {
  try {
    const { value, grads } = core.variableGrads(loss, variables);
    // Variables that the loss does not depend on have none.
    return { value, grads: Object.fromEntries(Object.entries(grads).filter(([, grad]) => grad !== null)) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RegmeanError('unsupported', `training: TensorFlow.js cannot train this model: ${reason}`, {
      cause,
      hint: tunedElsewhere,
    });
  }
}

/** As in other models: neither biases nor the weights of normalisation layers. */
function isDecayedWeight(name: string): boolean {
  return isDecayed(name.replaceAll('/', '.')) && !/\/(gamma|beta)$/.test(name);
}

/** Adam has no method for it; its rate is a plain field that each update reads. */
function setLearningRate(optimizer: AdamOptimizer, learningRate: number): void {
  Object.assign(optimizer, { learningRate });
}

/**
 * The task's loss and what the model's regularizers add to it, as when TensorFlow.js itself trains.
 */
export function trainingLoss(network: LayersNetwork, task: LoadedLayersModel['task'], batch: Batch): Scalar {
  const { core } = network.tensorFlow;
  const loss: Tensor = lossOf(network, task, batch);
  return network.model.calculateLosses().reduce((sum, own) => core.add(sum, own), loss) as Scalar;
}

/** The task's mean loss, as in shared/models/loss.ts. */
export function lossOf(network: LayersNetwork, task: LoadedLayersModel['task'], batch: Batch): Scalar {
  const { tensorFlow, model, outputs } = network;
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
      const width = network.widthOf(batch);
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
