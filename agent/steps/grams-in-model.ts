/**
 * @file Grams of a model's layers as their inputs are in another model of the same network: in the
 *   merged one, what the layers above read is what the merged layers below give (Nguyen et al.:
 *   "RegMean++: Enhancing Effectiveness and Generalization of Regression Mean for Model Merging",
 *   https://arxiv.org/abs/2508.03121). There all layers below a layer are merged in this way before
 *   its Gram is taken, layer by layer; here all of them once, by the merge before, so that agents
 *   are asked once more and not once for every layer.
 */
import { RegmeanError } from '../../shared/errors.ts';
import { noteCutRows } from '../../shared/examples/cut-rows.ts';
import { functionDifferences } from '../../shared/formats/function-differences.ts';
import type { OpenModel } from '../../shared/formats/model-format.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import { loadModelExamples } from '../../shared/inference/load-examples.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { FormedGrams } from '../statistics/form-grams.ts';
import type { GramStatistics } from '../statistics/statistics-options.ts';
import { openStatisticsSource } from './open-statistics-source.ts';

/** Over which data Grams are collected, and how; sums of normalisation layers where asked for. */
export type GramsInModelOptions = Omit<GramStatistics, 'model' | 'grams'>;

/** Grams, and which model they are of. */
export interface GramsInModel {
  readonly collected: FormedGrams;
  /** The fingerprint of the model that the inputs are of. */
  readonly inputsFrom: string;
}

/**
 * Collects the Grams of another model, for a model's own weights.
 *
 * @param own whose weights the Grams stand beside
 * @param path the model that the examples run through; it may know other classes
 * @throws RegmeanError `usage` when the two are not one network with the same function of weights
 */
export function collectGramsIn(
  path: string,
  own: OpenModel,
  options: GramsInModelOptions,
  context: RunContext,
): Promise<GramsInModel> {
  const { dataFiles, columns, maxLength, task } = options;
  return withModel(path, async (other) => {
    await requireSameNetwork(own, other);
    const source = await openStatisticsSource(other, { ...options, model: path }, undefined, context);
    try {
      const { examples, truncated } = await loadModelExamples(source.model, {
        ...{ files: dataFiles, columns, maxLength, modelFolder: source.folder },
        labelled: task === 'text2text',
      });
      noteCutRows(dataFiles.join(', '), truncated, context);
      return { collected: await source.grams(examples), inputsFrom: await other.fingerprint() };
    } finally {
      await source.dispose();
    }
  });
}

async function requireSameNetwork(own: OpenModel, other: OpenModel): Promise<void> {
  const refuse = (complaint: string): RegmeanError =>
    new RegmeanError(
      'usage',
      `--inputs-from: ${other.path} must be a merge of models like ${own.path}, ${complaint}`,
      {
        hint: 'name the folder of the merged model; with separate heads, heads/<agent> in it',
      },
    );
  if (own.kind !== other.kind) throw refuse(`is ${other.kind}, not ${own.kind}`);
  const difference = await own.differenceFrom(other);
  if (difference !== null) throw refuse(`differs in ${difference}`);
  const [first] = await functionDifferences(own, other);
  if (first !== undefined) {
    throw refuse(`differs in ${first.field}: ${first.other}, not ${first.first}`);
  }
}
