/** @file Scores a model on labelled examples, whatever its task. */
import type { Progress } from '../cli/progress.ts';
import type { EncodedExample } from '../data/example.ts';
import { metricsFor } from '../metrics/metrics-for.ts';
import type { ModelIdentity } from '../models/model-graph.ts';
import type { RunTensor } from '../runtime/session.ts';
import { isLanguageTask } from '../task.ts';
import { createLikelihoods, likelihoodMetrics } from './likelihoods.ts';
import { createPredictor } from './predictor.ts';

/** A model ready to be scored on examples labelled with its own classes. */
export interface Scorer {
  /** The metric that tells the best checkpoint; larger is better. */
  readonly main: string;
  /** @returns all metrics of the task, by name */
  score(
    examples: readonly EncodedExample[],
    batchSize: number,
    progress?: Progress,
  ): Promise<Readonly<Record<string, number>>>;
  dispose(): Promise<void>;
}

/**
 * Prepares a model for scoring: by its logits (see `metricsFor`), or, for language tasks, by the probability of the labels.
 *
 * @param parameters every parameter of the model; read at each run, so updates in place take effect
 */
export async function createScorer(
  model: ModelIdentity,
  parameters: ReadonlyMap<string, RunTensor>,
  threads?: number,
): Promise<Scorer> {
  if (isLanguageTask(model.task)) return createLanguageScorer(model, parameters, threads);
  const predictor = await createPredictor(model, parameters, threads);
  const { main, compute } = metricsFor(model.task, model.labels);
  return {
    main,
    async score(examples, batchSize, progress) {
      const logits = await predictor.predict(examples, batchSize, progress);
      return compute(
        examples.map((example, index) => ({
          logits: logits[index] ?? new Float32Array(0),
          labels: example.labels,
        })),
      );
    },
    dispose: predictor.dispose,
  };
}

async function createLanguageScorer(
  model: ModelIdentity,
  parameters: ReadonlyMap<string, RunTensor>,
  threads: number | undefined,
): Promise<Scorer> {
  const likelihoods = await createLikelihoods(model, parameters, threads);
  return {
    main: 'logLikelihood',
    score: async (examples, batchSize, progress) =>
      likelihoodMetrics(await likelihoods.compute(examples, batchSize, progress)),
    dispose: likelihoods.dispose,
  };
}
