import { RegmeanError } from '../../shared/errors.ts';
import type { OpenModel } from '../../shared/formats/model-format.ts';
import { formatOf } from '../../shared/formats/open-model.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { TrainingResult } from '../training/run-training.ts';
import type { TrainingOptions } from '../training/training-options.ts';

/**
 * Fine-tunes a model of any kind: TensorFlow.js models with TensorFlow.js, all others with this
 * project's engine.
 */
export async function trainModel(options: TrainingOptions, context: RunContext): Promise<TrainingResult> {
  const { engine } = await formatOf(options.model);
  if (options.lora !== undefined && engine !== 'graph') {
    throw new RegmeanError('unsupported', `--lora: ${options.model} must be a Hugging Face model`);
  }
  const train = await trainers[engine]();
  return train(options, context);
}

type Train = (options: TrainingOptions, context: RunContext) => Promise<TrainingResult>;

/** What trains the models of an engine, loaded where it is needed. */
const trainers: Readonly<Record<OpenModel['engine'], () => Promise<Train>>> = {
  graph: async () => (await import('../training/run-training.ts')).runTraining,
  'tensorflow-js': async () => (await import('../tensorflow/train.ts')).trainLayersModel,
};
