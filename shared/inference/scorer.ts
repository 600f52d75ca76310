/** @file Scores a model on labelled examples, whatever its task. */
import { asKind, type ExampleLabels } from '../data/example-labels.ts';
import type { EvaluationOptions } from '../examples/batches-of.ts';
import type { EncodedExample } from '../examples/example.ts';
import { createGenerator } from '../generation/generator.ts';
import { mainMetric, metricsFor } from '../metrics/metrics-for.ts';
import type { ModelIdentity } from '../models/model-graph.ts';
import type { Compute } from '../runtime/compute.ts';
import { type RunContext, withoutProgress } from '../runtime/run-context.ts';
import type { RunTensor } from '../runtime/session.ts';
import { ignoredLabel, isLanguageTask, type TaskKind } from '../task.ts';
import { createLikelihoods, likelihoodMetrics } from './likelihoods.ts';
import { createPredictor, type Predictor } from './predictor.ts';

/** A model ready to be scored on examples labelled with its own classes. */
export interface Scorer {
  /** The metric that tells the best checkpoint; larger is better. */
  readonly main: string;
  /** @returns all metrics of the task, by name */
  score(
    examples: readonly EncodedExample[],
    options: EvaluationOptions,
    context: RunContext,
  ): Promise<Readonly<Record<string, number>>>;
  dispose(): Promise<void>;
}

/**
 * Prepares a model for scoring: by its logits (see `metricsFor`); for language tasks by the
 * probability of the labels (`logLikelihood` per token in nats, `perplexity`), and for text2text by
 * the share of targets that a greedy search gives exactly (`exactMatch`).
 *
 * @param parameters every parameter of the model; read at each run, so updates in place take effect
 */
export async function createScorer(
  model: ModelIdentity,
  parameters: ReadonlyMap<string, RunTensor>,
  compute: Compute,
): Promise<Scorer> {
  if (isLanguageTask(model.task)) return createLanguageScorer(model, parameters, compute);
  return createLogitScorer(await createPredictor(model, parameters, compute), model.task, model.classes);
}

/** Scores the logits of a predictor, which is disposed of with the scorer. */
export function createLogitScorer(predictor: Predictor, task: TaskKind, classes: readonly string[]): Scorer {
  const { main, compute } = metricsFor(task, classes);
  return {
    main,
    async score(examples, options, context) {
      const logits = await predictor.predict(examples, options, context);
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
  compute: Compute,
): Promise<Scorer> {
  const likelihoods = await createLikelihoods(model, parameters, compute);
  if (model.task !== 'text2text') {
    return {
      main: mainMetric(model.task, []),
      score: async (examples, options, context) =>
        likelihoodMetrics(await likelihoods.compute(examples, options, context)),
      dispose: likelihoods.dispose,
    };
  }
  const generator = await createGenerator(model, parameters, compute);
  return {
    main: mainMetric(model.task, []),
    async score(examples, options, context) {
      const { endTokenIds = [], generation } = model.config.inputs;
      const ends = [...endTokenIds, ...(generation?.endTokenIds ?? [])];
      const targets = examples.map(({ labels }) => targetText(labels, ends));
      const longest = targets.reduce((length, target) => Math.max(length, target.length), 0);
      const greedy = { ...options, beams: 1, maxNewTokens: longest + 1 };
      const texts = await generator.generate(examples, greedy, context);
      const matches = texts.filter((text, index) => isEqual(text, targets[index] ?? [])).length;
      const metrics = likelihoodMetrics(
        await likelihoods.compute(examples, options, withoutProgress(context)),
      );
      return { exactMatch: matches / examples.length, ...metrics };
    },
    async dispose() {
      await likelihoods.dispose();
      await generator.dispose();
    },
  };
}

/** The tokens of a target, without what ends and what fills it. */
function targetText(labels: ExampleLabels | null, endTokenIds: readonly number[]): readonly number[] {
  const tokens = [...(asKind(labels, 'target')?.ids ?? [])];
  return tokens.filter((token) => token !== ignoredLabel && !endTokenIds.includes(token));
}

function isEqual(text: Int32Array, target: readonly number[]): boolean {
  return text.length === target.length && text.every((token, position) => token === target[position]);
}
