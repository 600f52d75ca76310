import { byEngine, type GraphModel, type OpenModel } from '../../shared/formats/model-format.ts';
import { noteSurplus } from '../../shared/models/surplus-tensors.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { collectFisher } from '../statistics/collect-fisher.ts';
import { collectGrams } from '../statistics/collect-grams.ts';
import { collectOutputGrams } from '../statistics/collect-output-grams.ts';
import { formGrams } from '../statistics/form-grams.ts';
import type { GramStatistics } from '../statistics/statistics-options.ts';
import type { StatisticsSource } from '../statistics/statistics-source.ts';

/**
 * A model as the source of a contribution.
 *
 * @param classes names of its classes; those that the model's folder has when absent
 */
export function openStatisticsSource(
  model: OpenModel,
  options: GramStatistics,
  classes: readonly string[] | undefined,
  context: RunContext,
): Promise<StatisticsSource> {
  return byEngine(model, {
    graph: (own) => openGraphSource(own, options, classes, context),
    layers: async (own) => {
      const { openLayersSource } = await import('../tensorflow/statistics-source.ts');
      return openLayersSource(own, options, classes, context);
    },
  });
}

async function openGraphSource(
  opened: GraphModel,
  options: GramStatistics,
  classes: readonly string[] | undefined,
  context: RunContext,
): Promise<StatisticsSource> {
  const { task } = options;
  const { model, surplus } = await opened.load({ task, ...(classes === undefined ? {} : { classes }) });
  for (const note of model.architecture.notes ?? []) context.note(note);
  noteSurplus({ ...options, surplus }, context);
  return {
    model,
    folder: opened.folder,
    grams: async (examples) =>
      formGrams(await collectGrams(model, examples, options, context), options.gramForm, context),
    fisher: (examples, fisher) => collectFisher(model, examples, { ...options, ...fisher }, context),
    outputGrams: (examples, wanted) =>
      collectOutputGrams(model, examples, { ...options, ...wanted }, context),
    writeModel: (folder) => opened.writeFolder(folder, task, model.classes),
    dispose: async () => {},
  };
}
