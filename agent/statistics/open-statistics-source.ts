import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel, type Model, saveModel } from '../../shared/models/model-folder.ts';
import { noteSurplus } from '../../shared/models/surplus-tensors.ts';
import { onnxFileOf } from '../../shared/onnx/open-onnx.ts';
import { readsSafetensors } from '../../shared/onnx/open-weights.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
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
  context: RunContext,
): Promise<StatisticsSource> {
  if (await isLayersModel(options.model)) {
    const { openLayersSource } = await import('../tensorflow/statistics-source.ts');
    return openLayersSource(options, labels, context);
  }
  const { model, surplus } = await loadModel(options.model, {
    task: options.task,
    ...(labels === undefined ? {} : { labels }),
  });
  for (const note of model.architecture.notes ?? []) context.note(note);
  noteSurplus({ ...options, surplus }, context);
  const temporary = await temporaryFolder(options.model, model);
  return {
    model,
    folder: temporary ?? options.model,
    grams: (examples) => collectGrams(model, examples, options, context),
    fisher: (examples, fisher) => collectFisher(model, examples, { ...options, ...fisher }, context),
    async dispose() {
      if (temporary !== null) await rm(temporary, { recursive: true, force: true });
    },
  };
}

/** An ONNX network that holds its weights itself, as a model folder. */
async function temporaryFolder(path: string, model: Model): Promise<string | null> {
  if ((await onnxFileOf(path)) === null || (await readsSafetensors(path))) return null;
  const folder = await mkdtemp(join(tmpdir(), 'regmean-onnx-model-'));
  await saveModel(folder, model, { sideFilesFrom: path });
  return folder;
}
