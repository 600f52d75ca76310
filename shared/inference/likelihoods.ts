/** @file How probable a language model finds the labels of examples. */

import { RegmeanError } from '../errors.ts';
import { type EvaluationOptions, resultsOf } from '../examples/batches-of.ts';
import { targetLengthOf } from '../examples/collate.ts';
import type { EncodedExample } from '../examples/example.ts';
import { batchFeeds } from '../examples/feeds.ts';
import { planEvaluationBatches } from '../examples/plan-batches.ts';
import * as ops from '../graph/ops/index.ts';
import type { Size } from '../graph/sizes.ts';
import { labelLogProbabilities, labelsInput } from '../models/loss.ts';
import { buildModelGraph, type ModelIdentity } from '../models/model-graph.ts';
import type { Compute } from '../runtime/compute.ts';
import type { RunContext } from '../runtime/run-context.ts';
import { createSession, type RunTensor } from '../runtime/session.ts';
import { ignoredLabel } from '../task.ts';

/** What a language model says of one example's labels. */
export interface Likelihood {
  /** The sum of log p(label | what comes before) over its labels, in nats. */
  readonly logLikelihood: number;
  /** How many labels there are, -100 left out. */
  readonly tokens: number;
}

/** A language model ready to say how probable labels are. */
export interface Likelihoods {
  /** @returns one per example, in the order of `examples` */
  compute(
    examples: readonly EncodedExample[],
    options: EvaluationOptions,
    context: RunContext,
  ): Promise<readonly Likelihood[]>;
  dispose(): Promise<void>;
}

/**
 * Prepares a model of a language task.
 *
 * @param parameters every parameter of the model; read at each run, so updates in place take effect
 */
export async function createLikelihoods(
  model: ModelIdentity,
  parameters: ReadonlyMap<string, RunTensor>,
  compute: Compute,
): Promise<Likelihoods> {
  const { graph, logits } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  const labels = labelsInput(graph, model.task, 0);
  const rows = logits.shape[0] as Size;
  graph.output('log probabilities', labelLogProbabilities(logits, ops.reshape(labels, [rows])));
  const session = await createSession(graph, compute);

  return {
    compute(examples, { batchSize, name = 'scoring' }, context) {
      const lengths = examples.map((example) => example.inputIds.length + targetLengthOf(example));
      const plan = planEvaluationBatches(lengths, batchSize);
      const { task, config } = model;
      return resultsOf(examples, { name, plan, task, inputs: config.inputs }, context, async (batch) => {
        const { labels, indices } = batch;
        if (!(labels instanceof Int32Array)) throw unlabelled(examples[indices[0] ?? 0]);
        const outputs = await session.run(new Map([...parameters, ...batchFeeds(batch, task)]));
        const values = outputs.get('log probabilities')?.data as Float32Array;
        const perExample = values.length / indices.length;
        return indices.map((_, row) => {
          const start = row * perExample;
          const own = labels.subarray(start, start + perExample);
          return {
            logLikelihood: values.subarray(start, start + perExample).reduce((sum, value) => sum + value, 0),
            tokens: own.reduce((count, label) => count + Number(label !== ignoredLabel), 0),
          };
        });
      });
    },
    dispose: () => session.dispose(),
  };
}

/** Mean log-likelihood per token in nats, and perplexity, e to the power of its negative. */
export function likelihoodMetrics(likelihoods: readonly Likelihood[]): Readonly<Record<string, number>> {
  const total = likelihoods.reduce((sum, { logLikelihood }) => sum + logLikelihood, 0);
  const tokens = likelihoods.reduce((sum, own) => sum + own.tokens, 0);
  const mean = total / Math.max(1, tokens);
  return { logLikelihood: mean, perplexity: Math.exp(-mean) };
}

function unlabelled(example: EncodedExample | undefined): RegmeanError {
  const { file, row } = example?.source ?? { file: 'data', row: 0 };
  return new RegmeanError('invalid-input', `${file}, row ${row}: must have a target, got none`);
}
