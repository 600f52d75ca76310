/** @file Scores models of language tasks, which have no classes, on data files. */
import { RegmeanError } from '../../shared/errors.ts';
import { noteCutRows } from '../../shared/examples/cut-rows.ts';
import { loadModel } from '../../shared/formats/load-model.ts';
import { examplesOf } from '../../shared/inference/load-examples.ts';
import { createScorer } from '../../shared/inference/scorer.ts';
import { createSharedData } from '../../shared/inference/shared-data.ts';
import { noteSurplus } from '../../shared/models/surplus-tensors.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { EvaluateOptions, MarkedModel, Score } from './evaluate-options.ts';

/**
 * Scores every model on every file, in that order.
 *
 * @throws RegmeanError `usage` for what only tasks with classes have
 */
export async function evaluateLanguageModels(
  options: Omit<EvaluateOptions, 'models'> & { readonly models: readonly MarkedModel[] },
  context: RunContext,
): Promise<readonly Score[]> {
  const { task, classes, ensemble } = options;
  if (classes !== undefined) throw new RegmeanError('usage', `--classes: ${task} has no classes`);
  if (ensemble)
    throw new RegmeanError('usage', `--ensemble: needs a task with classes or values, got ${task}`);
  const scores: Score[] = [];
  const files = createSharedData(options);
  for (const { path: folder, ...marks } of options.models) {
    const { model, surplus, folder: modelFolder } = await loadModel(folder, { task });
    noteSurplus({ model: folder, task, surplus }, context);
    const scorer = await createScorer(model, model.weights, context.compute);
    try {
      for (const file of options.dataFiles) {
        const rows = await files.rowsFor([file], model.config.inputs);
        const { examples, truncated } = await examplesOf(rows, {
          ...model,
          inputs: model.config.inputs,
          modelFolder,
          maxLength: options.maxLength,
        });
        noteCutRows(file, truncated, context);
        const evaluation = { batchSize: options.batchSize, name: `scoring ${folder} on ${file}` };
        const metrics = await scorer.score(examples, evaluation, context);
        const { main } = scorer;
        scores.push({ model: folder, data: file, examples: examples.length, main, metrics, ...marks });
      }
    } finally {
      await scorer.dispose();
    }
  }
  return scores;
}
