import type { RunContext } from '../../shared/runtime/run-context.ts';
import { isLayersModel } from '../../shared/tensorflow/layers-model.ts';
import type { TrainingResult } from './run-training.ts';
import type { TrainingOptions } from './training-options.ts';

/**
 * Fine-tunes a model of any kind: TensorFlow.js models with TensorFlow.js, all others with this
 * project's engine.
 */
export async function trainModel(options: TrainingOptions, context: RunContext): Promise<TrainingResult> {
  if (await isLayersModel(options.model)) {
    const { trainLayersModel } = await import('../tensorflow/train.ts');
    return trainLayersModel(options, context);
  }
  const { runTraining } = await import('./run-training.ts');
  return runTraining(options, context);
}
