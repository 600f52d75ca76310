/** @file Runs a model over examples. */
import { RegmeanError } from '../errors.ts';
import { type EvaluationOptions, resultsOf } from '../examples/batches-of.ts';
import { targetLengthOf } from '../examples/collate.ts';
import type { EncodedExample } from '../examples/example.ts';
import { batchFeeds } from '../examples/feeds.ts';
import { lengthsOf, planEvaluationBatches } from '../examples/plan-batches.ts';
import { buildModelGraph, type ModelIdentity } from '../models/model-graph.ts';
import type { Compute } from '../runtime/compute.ts';
import type { RunContext } from '../runtime/run-context.ts';
import { createSession, type RunTensor } from '../runtime/session.ts';
import { logitRowsOf } from '../task.ts';
import { firstNotFinite } from '../tensor.ts';

/**
 * The logits of one example: [labels]; [length, labels] row-major for token-classification;
 * [length, vocab] for causal-lm and [target, vocab] for text2text.
 */
export type ExampleLogits = Float32Array;

/** A model ready to predict. */
export interface Predictor {
  /** Logits per row: labels, or the vocabulary for language tasks. */
  readonly outputs: number;
  /**
   * @returns the logits of every example, in the order of `examples`
   * @throws naming the row whose logits are not finite; `interrupted` when the context asks to stop
   */
  predict(
    examples: readonly EncodedExample[],
    options: EvaluationOptions,
    context: RunContext,
  ): Promise<ExampleLogits[]>;
  dispose(): Promise<void>;
}

/**
 * Prepares a model for prediction.
 *
 * @param parameters every parameter of the model; read at each run, so updates in place take effect
 */
export async function createPredictor(
  model: ModelIdentity,
  parameters: ReadonlyMap<string, RunTensor>,
  compute: Compute,
): Promise<Predictor> {
  const built = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  built.graph.output('logits', built.logits);
  const session = await createSession(built.graph, compute);
  const outputs = Number(built.logits.shape.at(-1));
  const rowsOf = (example: EncodedExample): number => {
    const rows = logitRowsOf(model.task);
    if (rows === 'target') return targetLengthOf(example);
    return rows === 'sequence' ? 1 : example.inputIds.length;
  };

  return {
    outputs,
    predict(examples, { batchSize, name = 'predicting' }, context) {
      const { inputs } = model.config;
      const plan = planEvaluationBatches(lengthsOf(examples), batchSize, inputs.equalLengths);
      return resultsOf(examples, { name, plan, task: model.task, inputs }, context, async (batch) => {
        const feeds = new Map([...parameters, ...batchFeeds(batch, model.task)]);
        const logits = (await session.run(feeds)).get('logits')?.data as Float32Array;
        const perExample = logits.length / batch.batchSize;
        return batch.indices.map((index, row) => {
          const example = examples[index] as EncodedExample;
          const start = row * perExample;
          const own = logits.slice(start, start + rowsOf(example) * outputs);
          if (firstNotFinite(own) >= 0) throw notFinite(example);
          return own;
        });
      });
    },
    dispose: () => session.dispose(),
  };
}

function notFinite({ source: { file, row } }: EncodedExample): RegmeanError {
  return new RegmeanError('numerical', `${file}, row ${row}: logits must be finite`, {
    hint: "the model's weights overflow: check them",
  });
}
