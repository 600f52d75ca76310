/** @file A merged model's score on the central developer's own labelled data. */
import { openContribution } from '../../shared/contribution/open-contribution.ts';
import type { DataColumns } from '../../shared/data/column-names.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import { loadModel } from '../../shared/formats/load-model.ts';
import { classesOfData } from '../../shared/inference/data-classes.ts';
import { examplesOf } from '../../shared/inference/load-examples.ts';
import { openPredictor } from '../../shared/inference/open-predictor.ts';
import { type NamedMetrics, scoreModels } from '../../shared/inference/score.ts';
import { createScorer } from '../../shared/inference/scorer.ts';
import { createSharedData, type SharedData } from '../../shared/inference/shared-data.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { isLanguageTask, type TaskKind } from '../../shared/task.ts';

const batchSize = 32;

/** The central developer's data. */
export interface ValidationSource {
  /** Labelled data that no agent was fine-tuned on. */
  readonly validationFiles: readonly string[];
  readonly columns?: DataColumns;
  /** For contributions without a manifest. */
  readonly task?: TaskKind;
  readonly maxLength?: number;
}

/** The same, read once for all models. */
export interface ValidationData extends Pick<ValidationSource, 'validationFiles' | 'maxLength'> {
  readonly task: TaskKind;
  readonly files: SharedData;
}

/**
 * Prepares data to score merges of contributions on.
 *
 * @throws RegmeanError `usage` when neither the contributions nor the source say the task
 */
export async function openValidation(
  folders: readonly string[],
  source: ValidationSource,
): Promise<ValidationData> {
  const task = source.task ?? (await declaredTask(folders));
  return { ...source, task, files: createSharedData({ ...source, task }) };
}

async function declaredTask(folders: readonly string[]): Promise<TaskKind> {
  for (const folder of folders) {
    const contribution = await openContribution(folder);
    await contribution.close();
    if (contribution.manifest !== undefined) return contribution.manifest.task;
  }
  throw new RegmeanError('usage', '--task: needed with --validation, no contribution says its task');
}

/** Scores a model by its task's metrics. */
export async function scoreFolder(
  folder: string,
  { task, files, validationFiles, maxLength }: ValidationData,
  context: RunContext,
): Promise<NamedMetrics & { readonly examples: number }> {
  if (isLanguageTask(task)) {
    const { model } = await loadModel(folder, { task });
    const { inputs } = model.config;
    const rows = await files.rowsFor(validationFiles, inputs);
    const { examples } = await examplesOf(rows, { ...model, inputs, modelFolder: folder, maxLength });
    return scoreLanguageModel(model, examples, context);
  }
  const { model, predictor } = await openPredictor(folder, task, context);
  try {
    const { inputs } = model.config;
    const rows = await files.rowsFor(validationFiles, inputs);
    const classes = classesOfData(rows, model, 'the merged model');
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
