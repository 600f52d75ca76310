/** @file A model of any kind, ready to predict. */

import { byEngine, type GraphModel, type LayersModel } from '../formats/model-format.ts';
import { withModel } from '../formats/open-model.ts';
import type { RunContext } from '../runtime/run-context.ts';
import type { TaskKind } from '../task.ts';
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
export function openPredictor(path: string, task: TaskKind, context: RunContext): Promise<OpenPredictor> {
  return withModel(path, (model) =>
    byEngine(model, {
      graph: (own) => ofGraph(own, task, context),
      layers: (own) => ofLayers(own, task, context),
    }),
  );
}

async function ofGraph(opened: GraphModel, task: TaskKind, { compute }: RunContext): Promise<OpenPredictor> {
  const { model, surplus } = await opened.load({ task });
  const predictor = await createPredictor(model, model.weights, compute);
  return { model, predictor, folder: opened.folder, surplus };
}

async function ofLayers(
  { path, folder }: LayersModel,
  task: TaskKind,
  context: RunContext,
): Promise<OpenPredictor> {
  const { loadLayersModel } = await import('../tensorflow/load-layers-model.ts');
  const { createLayersPredictor } = await import('./layers-predictor.ts');
  const { network, classes, outputs } = await loadLayersModel(path, task, context);
  return {
    model: { task, classes, outputs, config: { inputs: network.inputs } },
    predictor: createLayersPredictor(network, task),
    folder,
    surplus: [],
  };
}
