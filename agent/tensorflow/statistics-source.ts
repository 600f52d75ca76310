import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RegmeanError } from '../../shared/errors.ts';
import { listFolder } from '../../shared/files/atomic-folder.ts';
import { copySideFiles } from '../../shared/models/side-files.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { writeLayersModel } from '../../shared/tensorflow/layers-model.ts';
import { type OpenLayersModel, openModel } from '../../shared/tensorflow/open-model.ts';
import type { StatisticsOptions } from '../statistics/statistics-options.ts';
import type { StatisticsSource } from '../statistics/statistics-source.ts';
import { collectLayersGrams } from './collect-grams.ts';

/**
 * A LayersModel as the source of a contribution. One that `regmean train` did not write is written
 * anew in a temporary folder.
 */
export async function openLayersSource(
  options: StatisticsOptions,
  labels: readonly string[] | undefined,
  context: RunContext,
): Promise<StatisticsSource> {
  if (options.fisher !== undefined) {
    throw new RegmeanError('unsupported', '--fisher: is not there for TensorFlow.js models, only Grams');
  }
  const opened = await openModel(options.model, options.task, context, labels);
  const { network, task } = opened;
  const temporary = await temporaryFolder(opened);
  return {
    model: { task, labels: opened.labels, config: { inputs: network.inputs } },
    folder: temporary ?? opened.file.folder,
    grams: (examples) => collectLayersGrams(network, task, examples, options, context),
    fisher: () =>
      Promise.reject(new RegmeanError('unsupported', '--fisher: is not there for TensorFlow.js models')),
    async dispose() {
      network.model.dispose();
      if (temporary !== null) await rm(temporary, { recursive: true, force: true });
    },
  };
}

async function temporaryFolder({ file, task, labels }: OpenLayersModel): Promise<string | null> {
  const names = (await listFolder(file.folder)) ?? [];
  if (names.includes('model.safetensors') && names.includes('config.json')) return null;
  const folder = await mkdtemp(join(tmpdir(), 'regmean-layers-model-'));
  await writeLayersModel(folder, file.json, file.weights, { from: file.folder, task, labels });
  await copySideFiles(file.folder, folder);
  return folder;
}
