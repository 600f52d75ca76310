/** @file A model's score on labelled data, whatever its task. */
import type { EncodedExample } from '../examples/example.ts';
import { loadModel } from '../formats/load-model.ts';
import type { Model } from '../models/model-folder.ts';
import type { RunContext } from '../runtime/run-context.ts';
import { isLanguageTask, type TaskKind } from '../task.ts';
import { classesOfData } from './data-classes.ts';
import { examplesOf } from './load-examples.ts';
import { openPredictor } from './open-predictor.ts';
import { type NamedMetrics, scoreModels } from './score.ts';
import { createScorer } from './scorer.ts';
import type { SharedData } from './shared-data.ts';

const batchSize = 32;

/** Labelled data that several models are scored on. */
export interface ScoringData {
  readonly task: TaskKind;
  readonly dataFiles: readonly string[];
  /** Reads them once for all models. */
  readonly files: SharedData;
  readonly maxLength?: number | undefined;
}

/** A model that is scored. */
export interface ScoredFolder {
  readonly folder: string;
  /** Names it in messages. */
  readonly name: string;
}

/** Scores a model folder by its task's metrics on the rows of all files together. */
export async function scoreFolder(
  { folder, name }: ScoredFolder,
  { task, files, dataFiles, maxLength }: ScoringData,
  context: RunContext,
): Promise<NamedMetrics & { readonly examples: number }> {
  if (isLanguageTask(task)) {
    const { model } = await loadModel(folder, { task });
    const { inputs } = model.config;
    const rows = await files.rowsFor(dataFiles, inputs);
    const { examples } = await examplesOf(rows, { ...model, inputs, modelFolder: folder, maxLength });
    return scoreLanguageModel(model, examples, context);
  }
  const { model, predictor } = await openPredictor(folder, task, context);
  try {
    const { inputs } = model.config;
    const rows = await files.rowsFor(dataFiles, inputs);
    const classes = classesOfData(rows, model, name);
    const { examples } = await examplesOf(rows, { task, classes, inputs, modelFolder: folder, maxLength });
    const logits = await predictor.predict(examples, { batchSize }, context);
    const score = scoreModels([{ ...model, logits }], { task, classes, examples });
    return { ...score, examples: examples.length };
  } finally {
    await predictor.dispose();
  }
}

async function scoreLanguageModel(
  model: Model,
  examples: readonly EncodedExample[],
  context: RunContext,
): Promise<NamedMetrics & { readonly examples: number }> {
  const scorer = await createScorer(model, model.weights, context.compute);
  try {
    return {
      main: scorer.main,
      metrics: await scorer.score(examples, { batchSize }, context),
      examples: examples.length,
    };
  } finally {
    await scorer.dispose();
  }
}
