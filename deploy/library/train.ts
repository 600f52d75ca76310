import { trainModel } from '../../agent/steps/train-model.ts';
import type { TrainingResult } from '../../agent/training/run-training.ts';
import {
  learningRateFor,
  type TrainingOptions,
  trainingDefaults,
} from '../../agent/training/training-options.ts';
import { createRunContext, type RunContextOptions } from '../../shared/runtime/run-context.ts';
import type { WithDefaults } from './with-defaults.ts';

/** What to fine-tune, on what, and how; defaults are those of `regmean train`. */
export type TrainRequest = WithDefaults<
  TrainingOptions,
  keyof typeof trainingDefaults | 'devFiles' | 'freeze'
>;

/**
 * Fine-tunes a model on private data, as `regmean train` does.
 *
 * @throws RegmeanError `interrupted` when the signal stopped it: the same call continues
 */
export async function train(request: TrainRequest, run: RunContextOptions = {}): Promise<TrainingResult> {
  const learningRate = learningRateFor(request.learningRate, request.lora);
  const options = { ...trainingDefaults, devFiles: [], freeze: [], ...request, learningRate };
  return trainModel(options, createRunContext(run));
}
