/**
 * @file Scores of models on test sets. Examples are read once a run; every score is kept in the
 *   cache.
 */

import { withWholeModel } from '../../shared/adapters/with-whole-model.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import type { ModelLogits } from '../../shared/inference/class-logits.ts';
import { loadExamples } from '../../shared/inference/load-examples.ts';
import { openPredictor } from '../../shared/inference/open-predictor.ts';
import { scoreModels } from '../../shared/inference/score.ts';
import { metricsFor } from '../../shared/metrics/metrics-for.ts';
import { stopIfAsked, withoutProgress } from '../../shared/runtime/run-context.ts';
import type { TaskKind } from '../../shared/task.ts';
import type { TestSet } from '../datasets/experiment-data.ts';
import { artifactKey, type ExperimentContext } from './context.ts';
import { readScore, writeScore } from './score-cache.ts';

const batchSize = 64;

/** One part of a test set. */
export interface ScoredPart {
  readonly testSet: TestSet;
  readonly part: 'test' | 'dev';
}

/** A model to score, and where it lies. */
export interface StoredModel {
  /** Names it by everything that it depends on. */
  readonly key: string;
  readonly folder: string;
}

/**
 * A merged model to score; its folder may depend on the test set, when every agent keeps its own
 * head.
 */
export interface ModelAtHand {
  folderFor(testSet: TestSet): string;
  /** Gives back what was made to score it. */
  dispose(): Promise<void>;
}

/** Scores models. */
export interface ExperimentScorer {
  examplesOf(part: ScoredPart): Promise<readonly EncodedExample[]>;
  /**
   * The main metric of a model on parts of test sets.
   *
   * @param key names the model by what it depends on
   * @param prepare makes the model; only called when a score is not in the cache
   */
  score(
    key: string,
    parts: readonly ScoredPart[],
    prepare: () => Promise<ModelAtHand>,
  ): Promise<readonly number[]>;
  /** The main metric of the mean of models' logits on a test set (paper, Section 4.2). */
  scoreEnsemble(models: readonly StoredModel[], testSet: TestSet): Promise<number>;
}

/** The metric that a test set is judged by. */
export function metricOf({ task, labels, metric }: TestSet): string {
  return metric ?? metricsFor(task, labels).main;
}

/** A scorer for one run of an experiment. */
export function createExperimentScorer(context: ExperimentContext): ExperimentScorer {
  const examples = new Map<string, Promise<readonly EncodedExample[]>>();
  const memberLogits = new Map<string, ModelLogits>();

  const keyOf = async (model: object, { testSet, part }: ScoredPart): Promise<string> => {
    const { task, labels, columns, metric } = testSet;
    const files = await context.digests(testSet[part]);
    return artifactKey({ model, task, labels, columns, files, ...(metric === undefined ? {} : { metric }) });
  };

  const examplesOf = ({ testSet, part }: ScoredPart): Promise<readonly EncodedExample[]> => {
    const key = JSON.stringify([testSet.task, testSet.labels, testSet.columns, testSet[part]]);
    const known = examples.get(key) ?? readExamples(context, { testSet, part });
    examples.set(key, known);
    return known;
  };

  const predict = async (folder: string, parts: readonly ScoredPart[]): Promise<ModelLogits[]> => {
    const [first] = parts;
    if (first === undefined) return [];
    const { task } = first.testSet;
    return withWholeModel(folder, { base: context.base, task }, (whole) => predictIn(whole, task, parts));
  };

  const predictIn = async (
    folder: string,
    task: TaskKind,
    parts: readonly ScoredPart[],
  ): Promise<ModelLogits[]> => {
    const { model, predictor } = await openPredictor(folder, task, context);
    try {
      const results: ModelLogits[] = [];
      for (const part of parts) {
        stopIfAsked(context, () => 'experiment: stopped; the same command continues it');
        const data = await examplesOf(part);
        const logits = await predictor.predict(data, { batchSize }, withoutProgress(context));
        results.push({ classes: model.classes, outputs: model.outputs, logits });
      }
      return results;
    } finally {
      await predictor.dispose();
    }
  };

  return {
    examplesOf,

    async score(key, parts, prepare) {
      const keys = await Promise.all(parts.map((part) => keyOf({ key }, part)));
      const scores = await Promise.all(keys.map((own) => readScore(context.cache, own)));
      const missing = [...parts.keys()].filter((index) => scores[index] === null);
      if (missing.length === 0) return scores.map(Number);
      const model = await prepare();
      try {
        const folders = new Set(
          missing.map((index) => model.folderFor((parts[index] as ScoredPart).testSet)),
        );
        for (const folder of folders) {
          const indices = missing.filter(
            (index) => model.folderFor((parts[index] as ScoredPart).testSet) === folder,
          );
          const own = indices.map((index) => parts[index] as ScoredPart);
          for (const [at, logits] of (await predict(folder, own)).entries()) {
            const index = indices[at] as number;
            const part = own[at] as ScoredPart;
            const score = scoreOf([logits], part.testSet, await examplesOf(part));
            scores[index] = score;
            await writeScore(context.cache, keys[index] as string, score);
          }
        }
      } finally {
        await model.dispose();
      }
      return scores.map(Number);
    },

    async scoreEnsemble(models, testSet) {
      const part: ScoredPart = { testSet, part: 'test' };
      const key = await keyOf({ ensemble: models.map((model) => model.key) }, part);
      const known = await readScore(context.cache, key);
      if (known !== null) return known;
      const members: ModelLogits[] = [];
      for (const model of models) {
        const own = await keyOf({ key: model.key }, part);
        const logits = memberLogits.get(own) ?? (await predict(model.folder, [part]))[0];
        if (logits === undefined) continue;
        memberLogits.set(own, logits);
        members.push(logits);
      }
      const score = scoreOf(members, testSet, await examplesOf(part));
      await writeScore(context.cache, key, score);
      return score;
    },
  };
}

async function readExamples(
  context: ExperimentContext,
  { testSet, part }: ScoredPart,
): Promise<readonly EncodedExample[]> {
  const { maxLength } = context.experiment.training;
  const { folder, inputs } = await withModel(context.base, async (base) => ({
    folder: base.folder,
    inputs: await base.inputs(testSet.task),
  }));
  const { examples } = await loadExamples({
    files: testSet[part],
    columns: testSet.columns,
    task: testSet.task,
    classes: testSet.labels,
    modelFolder: folder,
    inputs,
    labelled: true,
    ...(maxLength === undefined ? {} : { maxLength }),
  });
  return examples;
}

function scoreOf(
  models: readonly ModelLogits[],
  testSet: TestSet,
  examples: readonly EncodedExample[],
): number {
  const { task, labels } = testSet;
  const { metrics } = scoreModels(models, { task, classes: labels, examples });
  return metrics[metricOf(testSet)] ?? Number.NaN;
}
