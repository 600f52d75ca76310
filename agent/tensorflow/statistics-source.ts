import { RegmeanError } from '../../shared/errors.ts';
import type { LayersModel } from '../../shared/formats/model-format.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { loadLayersModel } from '../../shared/tensorflow/load-layers-model.ts';
import { formGrams } from '../statistics/form-grams.ts';
import { askedBesideGrams, type GramStatistics } from '../statistics/statistics-options.ts';
import type { StatisticsSource } from '../statistics/statistics-source.ts';
import { collectLayersGrams } from './collect-grams.ts';

/** A LayersModel as the source of a contribution. */
export async function openLayersSource(
  opened: LayersModel,
  options: GramStatistics,
  classes: readonly string[] | undefined,
  context: RunContext,
): Promise<StatisticsSource> {
  const [asked] = askedBesideGrams(options);
  if (asked !== undefined) throw onlyGrams(asked);
  const loaded = await loadLayersModel(opened.path, options.task, context, classes);
  const { network, task, classes: own, outputs } = loaded;
  return {
    model: { task, classes: own, outputs, config: { inputs: network.inputs } },
    folder: opened.folder,
    grams: async (examples) =>
      formGrams(
        await collectLayersGrams(network, task, examples, options, context),
        options.gramForm,
        context,
      ),
    fisher: () => Promise.reject(onlyGrams('--fisher')),
    outputGrams: () => Promise.reject(onlyGrams('--output-grams')),
    writeModel: (folder) => opened.writeFolder(folder, task, own),
    dispose: async () => {
      network.model.dispose();
    },
  };
}

function onlyGrams(flag: string): RegmeanError {
  return new RegmeanError('unsupported', `${flag}: is not there for TensorFlow.js models, only Grams`);
}
