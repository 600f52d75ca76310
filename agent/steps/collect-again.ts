/** @file A contribution once more, with what is collected in a merged model. */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { headFile } from '../../shared/contribution/head-statistics.ts';
import { manifestFile, readManifest } from '../../shared/contribution/manifest.ts';
import { writeContribution } from '../../shared/contribution/write-contribution.ts';
import { gramsFile } from '../../shared/contribution/write-grams.ts';
import { normsFile } from '../../shared/contribution/write-norms.ts';
import { requireNewFolder } from '../../shared/files/atomic-folder.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { StatisticsOptions } from '../statistics/statistics-options.ts';
import { collectGramsIn } from './grams-in-model.ts';
import { collectHeadStatistics } from './head-statistics.ts';

/** Which contribution, and how its Grams are collected. */
export interface CollectAgainOptions
  extends Pick<
    StatisticsOptions,
    'task' | 'gramForm' | 'dataFiles' | 'columns' | 'out' | 'batches' | 'batchSize' | 'maxLength' | 'seed'
  > {
  /** The folder of the contribution that was sent. */
  readonly contribution: string;
  /** The merged model that its examples run through. */
  readonly inputsFrom: string;
}

/**
 * Writes a contribution that is another one with Grams collected in a merged model, and sums of
 * normalisation layers where it has some; all other files are the same bytes.
 *
 * @param context stops the pass between two batches; nothing is written then
 */
export async function collectAgain(
  { contribution, inputsFrom: path, out, ...options }: CollectAgainOptions,
  context: RunContext,
): Promise<void> {
  await requireNewFolder(out);
  const { format: _, files, statistics: __, ...manifest } = await readManifest(contribution);
  const made = [gramsFile, normsFile, manifestFile];
  const kept = Object.keys(files).filter((name) => !made.includes(name));
  const { collected, inputsFrom } = await withModel(contribution, (own) =>
    collectGramsIn(path, own, { ...options, norms: normsFile in files }, context),
  );
  const { grams, layers, weights, norms, examples, tokens, batches } = collected;
  await writeContribution(out, {
    writeModel: (folder) => copyAll(kept, contribution, folder),
    ...{ grams, layers, weights },
    ...(norms === undefined ? {} : { norms }),
    manifest: { ...manifest, statistics: { examples, tokens, batches, inputsFrom } },
  });
}

/**
 * Writes a contribution that is another one with what its agent's data say of a merged model's
 * head; all other files are the same bytes.
 *
 * @param context stops the pass between two batches; nothing is written then
 */
export async function collectWithHead(
  {
    contribution,
    inputsFrom: model,
    out,
    task,
    dataFiles,
    columns,
    batchSize,
    maxLength,
  }: CollectAgainOptions,
  context: RunContext,
): Promise<void> {
  await requireNewFolder(out);
  const { format: _, files, ...manifest } = await readManifest(contribution);
  const { agent } = manifest;
  await writeContribution(out, {
    writeModel: async (folder) => {
      await copyAll(Object.keys(files), contribution, folder);
      const head = { model, task, dataFiles, columns, out: join(folder, headFile), agent };
      await collectHeadStatistics({ ...head, batchSize, maxLength }, context);
    },
    ...{ grams: [], layers: new Map(), manifest },
  });
}

async function copyAll(names: readonly string[], from: string, to: string): Promise<void> {
  for (const name of names) await copyFile(join(from, name), join(to, name));
}
