/**
 * @file The contributions of an experiment: each model's statistics, those that methods need,
 *   computed once.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { collectStatistics } from '../../agent/steps/collect-statistics.ts';
import { needsOf } from '../../merger/methods/merge-keys.ts';
import { type StatisticsNeed, statisticsAmong, statisticsNeeds } from '../../merger/methods/needs.ts';
import { gramFormOf } from '../../shared/contribution/gram-forms.ts';
import { manifestFile } from '../../shared/contribution/manifest.ts';
import type { FixedMethod } from './automatic.ts';
import { artifactFolder, artifactKey, type ExperimentContext } from './context.ts';
import type { FineTuned } from './fine-tune.ts';

/** The name of a set of statistics in folders and keys of the cache. */
export function nameOfStatistics(kinds: readonly StatisticsNeed[]): string {
  const name = kinds.join('-');
  return name === 'grams-fisher' ? 'both' : name;
}

/** A contribution folder of the cache. */
export interface StoredContribution {
  readonly agent: string;
  readonly key: string;
  readonly folder: string;
  /** Whose it is. */
  readonly model: FineTuned;
}

/**
 * The statistics that merge methods work with; Simple needs none, and takes what there is anyway.
 */
export function statisticsOf(methods: readonly FixedMethod[]): readonly StatisticsNeed[] {
  const needs = methods.flatMap((method) => needsOf(method));
  const wanted = statisticsNeeds.filter((need) => needs.includes(need));
  return wanted.length === 0 ? ['grams'] : wanted;
}

/** Which statistics of which model. */
export interface CollectRequest {
  readonly model: FineTuned;
  readonly kinds: readonly StatisticsNeed[];
  readonly seed: number;
  /** Most batches for the Grams; the experiment's when absent. */
  readonly batches?: number | undefined;
  /** The merged model that Grams are collected in; the model itself when absent. */
  readonly inputsFrom?: { readonly key: string; folder(): Promise<string> };
}

/** Collects statistics of a model over its own training data. */
export async function collect(
  { model, kinds, seed, batches: given, inputsFrom }: CollectRequest,
  context: ExperimentContext,
): Promise<StoredContribution> {
  const { batchSize, fisher, outputGrams, batches: usual } = context.experiment.statistics;
  const batches = given ?? usual;
  const form = gramFormOf(context.experiment.statistics);
  // Part of what the model depends on, and so of its key.
  const { maxLength, lora } = context.experiment.training;
  const kind = nameOfStatistics(kinds);
  const asks = (need: StatisticsNeed): boolean => kinds.includes(need);
  const request = {
    ...(asks('grams') || asks('norms') ? { batches } : {}),
    // Dense ones under the key that they have always had.
    ...(asks('grams') && (form?.form !== 'dense' || form.tokenForm !== 'dense') ? { form } : {}),
    ...(asks('fisher') ? fisher : {}),
    ...(asks('outputGrams') ? { outputGrams } : {}),
    batchSize,
  };
  const key = artifactKey({ model: model.key, kind, request, seed, inputsFrom: inputsFrom?.key });
  const folder = artifactFolder(context, { kind: 'contributions', name: `${model.name}-${kind}`, key });
  if (!existsSync(join(folder, manifestFile))) {
    const merged = await inputsFrom?.folder();
    const where = merged === undefined ? '' : ' in the first merge';
    if (lora === undefined) {
      const called = statisticsAmong(kinds).map((own) => own.called);
      context.note(`collecting ${called.join(' and ')} of ${model.name}${where}`);
    }
    await collectStatistics(
      {
        model: model.folder,
        task: model.task,
        // An adapter has no statistics.
        dataFiles: lora === undefined ? model.train : [],
        ...(model.columns === undefined ? {} : { columns: model.columns }),
        out: folder,
        agent: model.name,
        batches,
        batchSize,
        seed,
        shareMetrics: false,
        grams: asks('grams'),
        ...(form === undefined ? {} : { gramForm: form }),
        norms: asks('norms'),
        ...(asks('fisher') ? { fisher } : {}),
        ...(asks('outputGrams') ? { outputGrams } : {}),
        ...(maxLength === undefined ? {} : { maxLength }),
        ...(merged === undefined ? {} : { inputsFrom: merged }),
      },
      context,
    );
  }
  return { agent: model.name, key, folder, model };
}
