/** @file A model of any kind, ready to predict. */
import { loadModel } from '../models/model-folder.ts';
import type { RunContext } from '../runtime/run-context.ts';
import type { TaskKind } from '../task.ts';
import { isLayersModel, layersModelFolder } from '../tensorflow/layers-model.ts';
import type { ExampleReader } from './load-examples.ts';
import { createPredictor, type Predictor } from './predictor.ts';

/** A model and its predictor, which the caller disposes of. */
export interface OpenPredictor {
  readonly model: ExampleReader;
  readonly predictor: Predictor;
  /** Where its tokenizer lies. */
  readonly folder: string;
  /** Tensors of the folder that the task has no place for. */
  readonly surplus: readonly string[];
}

/** Opens a model for a task with classes or values. */
export async function openPredictor(
  path: string,
  task: TaskKind,
  context: RunContext,
): Promise<OpenPredictor> {
  if (await isLayersModel(path)) {
    const { openModel } = await import('../tensorflow/open-model.ts');
    const { createLayersPredictor } = await import('./layers-predictor.ts');
    const { network, labels } = await openModel(path, task, context);
    return {
      model: { task, labels, config: { inputs: network.inputs } },
      predictor: createLayersPredictor(network, task),
      folder: await layersModelFolder(path),
      surplus: [],
    };
  }
  const { model, surplus } = await loadModel(path, { task });
  return {
    model,
    predictor: await createPredictor(model, model.weights, context.compute),
    folder: path,
    surplus,
  };
}
