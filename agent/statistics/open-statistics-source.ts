import { loadModel } from '../../shared/models/model-folder.ts';
import { isLayersModel } from '../../shared/tensorflow/layers-model.ts';
import { collectFisher } from './collect-fisher.ts';
import { collectGrams } from './collect-grams.ts';
import type { StatisticsOptions } from './statistics-options.ts';
import type { StatisticsSource } from './statistics-source.ts';

/**
 * Opens the model of `options`.
 *
 * @param labels names of its classes; those that the model's folder has when absent
 */
export async function openStatisticsSource(
  options: StatisticsOptions,
  labels: readonly string[] | undefined,
): Promise<StatisticsSource> {
  if (await isLayersModel(options.model)) {
    const { openLayersSource } = await import('../tensorflow/statistics-source.ts');
    return openLayersSource(options, labels);
  }
  const { model } = await loadModel(options.model, {
    task: options.task,
    ...(labels === undefined ? {} : { labels }),
  });
  return {
    model,
    folder: options.model,
    grams: (examples, signal) => collectGrams(model, examples, options, signal),
    fisher: (examples, fisher, signal) => collectFisher(model, examples, { ...options, ...fisher }, signal),
    dispose: async () => {},
  };
}
