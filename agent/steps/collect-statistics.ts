/**
 * @file What an agent computes from its data beside the weights (Grams, sums of normalisation
 *   layers, Fisher information), and the contribution.
 */

import { holdsAdapter } from '../../shared/adapters/adapter-factors.ts';
import { type BaseIdentity, baseIdentity } from '../../shared/contribution/base-identity.ts';
import {
  readTrainingRecord,
  type TrainingRecord,
  trainingRecordFile,
} from '../../shared/contribution/training-record.ts';
import { writeContribution } from '../../shared/contribution/write-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { noteCutRows } from '../../shared/examples/cut-rows.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import { listFolder, requireNewFolder } from '../../shared/files/atomic-folder.ts';
import { toolVersion } from '../../shared/files/tool-version.ts';
import type { OpenModel } from '../../shared/formats/model-format.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import { loadModelExamples } from '../../shared/inference/load-examples.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { FormedGrams } from '../statistics/form-grams.ts';
import { askedBesideGrams, type StatisticsOptions } from '../statistics/statistics-options.ts';
import type { StatisticsSource } from '../statistics/statistics-source.ts';
import { contributeAdapter } from './contribute-adapter.ts';
import { collectGramsIn } from './grams-in-model.ts';
import { openStatisticsSource } from './open-statistics-source.ts';

/** What was collected. */
export interface StatisticsResult {
  readonly out: string;
  readonly grams: number;
  readonly linearLayers: number;
  /** Normalisation layers with sums. */
  readonly normLayers: number;
  readonly examples: number;
  readonly tokens: number;
  readonly batches: number;
  /** Examples that the Fisher information is from; 0 without. */
  readonly fisherExamples: number;
  /** Examples that the output Grams are from; 0 without. */
  readonly outputGramsExamples: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
}

/**
 * Collects the statistics of a fine-tuned model over its agent's data and writes a contribution
 * folder.
 *
 * @param context stops the pass between two batches; nothing is written then
 */
export async function collectStatistics(
  options: StatisticsOptions,
  context: RunContext,
): Promise<StatisticsResult> {
  if (options.inputsFrom !== undefined && options.grams === false) {
    throw new RegmeanError('usage', '--inputs-from: needs Grams, got --no-grams');
  }
  await requireNewFolder(options.out);
  if (await holdsAdapter(options.model)) return contributeAdapterOf(options, context);
  if (options.dataFiles.length === 0) {
    throw new RegmeanError('usage', '--data: needed, the data that the model was fine-tuned on');
  }
  return withModel(options.model, (model) => collectFrom(model, options, context));
}

/** The contribution of an adapter: merges of adapters need no statistics. */
async function contributeAdapterOf(
  options: StatisticsOptions,
  context: RunContext,
): Promise<StatisticsResult> {
  const asked = [
    ...askedBesideGrams(options),
    ...(options.inputsFrom === undefined ? [] : ['--inputs-from']),
  ][0];
  if (asked !== undefined) {
    throw new RegmeanError('usage', `${asked}: must be absent, ${options.model} is an adapter`, {
      hint: 'write it as a full model with `regmean adapter` to collect statistics of it',
    });
  }
  if (options.dataFiles.length > 0) context.note('an adapter needs no statistics: the data was not read');
  await contributeAdapter(options);
  const none = {
    grams: 0,
    linearLayers: 0,
    normLayers: 0,
    examples: 0,
    tokens: 0,
    batches: 0,
    fisherExamples: 0,
    outputGramsExamples: 0,
  };
  return { out: options.out, ...none, seconds: 0, tokensPerSecond: 0 };
}

async function collectFrom(
  opened: OpenModel,
  options: StatisticsOptions,
  context: RunContext,
): Promise<StatisticsResult> {
  const startedAt = performance.now();
  const record = await trainingRecordOf(opened, options);
  const base = await baseOf(options, record);
  const source = await openStatisticsSource(opened, options, options.labels ?? record?.labels, context);
  try {
    const { model } = source;
    const { fisher: ofFisher, outputGrams: ofOutputs } = options;
    const isRead = options.inputsFrom === undefined || ofFisher !== undefined || ofOutputs !== undefined;
    const examples = isRead ? await examplesFor(source, options, context) : [];
    const { collected, inputsFrom } = await gramsOf(opened, source, examples, options, context);
    const fisher = ofFisher === undefined ? undefined : await source.fisher(examples, ofFisher);
    const outputGrams = ofOutputs === undefined ? undefined : await source.outputGrams(examples, ofOutputs);
    await writeContribution(options.out, {
      writeModel: source.writeModel,
      grams: collected.grams,
      layers: collected.layers,
      weights: collected.weights,
      ...(collected.norms === undefined ? {} : { norms: collected.norms }),
      ...(fisher === undefined ? {} : { fisher }),
      ...(outputGrams === undefined ? {} : { outputGrams }),
      manifest: {
        agent: options.agent,
        ...base,
        task: options.task,
        labels: [...model.classes],
        ...(record?.seenLabels === undefined ? {} : { seenLabels: record.seenLabels }),
        ...(record?.examples === undefined ? {} : { trainingExamples: record.examples }),
        ...(collected === nothing
          ? {}
          : {
              statistics: {
                examples: collected.examples,
                tokens: collected.tokens,
                batches: collected.batches,
                ...(inputsFrom === undefined ? {} : { inputsFrom }),
              },
            }),
        ...(fisher === undefined
          ? {}
          : {
              fisher: { variant: fisher.variant, reduction: fisher.reduction, examples: fisher.examples },
            }),
        ...(outputGrams === undefined
          ? {}
          : { outputGrams: { variant: outputGrams.variant, examples: outputGrams.examples } }),
        metrics: options.shareMetrics ? (record?.metrics ?? {}) : {},
        tool: toolVersion,
      },
    });
    const seconds = (performance.now() - startedAt) / 1000;
    return {
      out: options.out,
      grams: collected.grams.length,
      linearLayers: collected.layers.size,
      normLayers: collected.norms?.length ?? 0,
      examples: collected.examples,
      tokens: collected.tokens,
      batches: collected.batches,
      fisherExamples: fisher?.examples ?? 0,
      outputGramsExamples: outputGrams?.examples ?? 0,
      seconds,
      tokensPerSecond: Math.round(collected.tokens / seconds),
    };
  } finally {
    await source.dispose();
  }
}

async function examplesFor(
  { model, folder }: StatisticsSource,
  { dataFiles, columns, fisher, outputGrams, task, maxLength }: StatisticsOptions,
  context: RunContext,
): Promise<readonly EncodedExample[]> {
  const { examples, truncated } = await loadModelExamples(model, {
    ...{ files: dataFiles, columns, maxLength, modelFolder: folder },
    labelled: [fisher, outputGrams].some((own) => own?.variant === 'empirical') || task === 'text2text',
  });
  noteCutRows(dataFiles.join(', '), truncated, context);
  return examples;
}

/**
 * What of layers' inputs was asked for, and the fingerprint of the model that they are of, if
 * another.
 */
async function gramsOf(
  opened: OpenModel,
  source: StatisticsSource,
  examples: readonly EncodedExample[],
  options: StatisticsOptions,
  context: RunContext,
): Promise<{ readonly collected: FormedGrams; readonly inputsFrom?: string }> {
  const { grams, inputsFrom, fisher: _, outputGrams: __, ...ofGrams } = options;
  if (grams === false && options.norms !== true) return { collected: nothing };
  if (inputsFrom === undefined) return { collected: await source.grams(examples) };
  return collectGramsIn(inputsFrom, opened, ofGrams, context);
}

const nothing: FormedGrams = {
  grams: [],
  layers: new Map(),
  weights: new Map(),
  examples: 0,
  tokens: 0,
  batches: 0,
};

/**
 * training.json of the model folder, when `regmean train` made it; checked against the task asked
 * for.
 */
async function trainingRecordOf(
  { folder }: OpenModel,
  options: StatisticsOptions,
): Promise<TrainingRecord | null> {
  const present = (await listFolder(folder)) ?? [];
  if (!present.includes(trainingRecordFile)) return null;
  const record = await readTrainingRecord(folder);
  if (record.task !== options.task) {
    throw new RegmeanError(
      'usage',
      `--task: ${options.model} was fine-tuned for ${record.task}, got ${options.task}`,
    );
  }
  return record;
}

async function baseOf(options: StatisticsOptions, record: TrainingRecord | null): Promise<BaseIdentity> {
  if (options.base !== undefined) return baseIdentity(options.base);
  if (record?.baseFingerprint !== undefined) {
    const { baseFingerprint, baseFingerprintFormat } = record;
    return { baseFingerprint, baseFingerprintFormat };
  }
  throw new RegmeanError('usage', `--base: needed, because ${options.model} has no training.json`, {
    hint: 'name the folder of the base model that it was fine-tuned from',
  });
}
