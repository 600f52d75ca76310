/** @file Runs a model over examples. */
import type { Progress } from '../cli/progress.ts';
import { collate } from '../data/collate.ts';
import type { EncodedExample } from '../data/example.ts';
import { planEvaluationBatches } from '../data/plan-batches.ts';
import { RegmeanError } from '../errors.ts';
import { buildModelGraph, type ModelIdentity } from '../models/model-graph.ts';
import { createSession, type RunTensor } from '../runtime/session.ts';
import { firstNotFinite } from '../tensor.ts';
import { batchFeeds } from './feeds.ts';

/** The logits of one example: [labels], or [length, labels] row-major for token-classification. */
export type ExampleLogits = Float32Array;

/** A model ready to predict. */
export interface Predictor {
  /**
   * @returns the logits of every example, in the order of `examples`
   * @throws naming the row whose logits are not finite
   */
  predict(
    examples: readonly EncodedExample[],
    batchSize: number,
    progress?: Progress,
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
  threads?: number,
): Promise<Predictor> {
  const built = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  built.graph.output('logits', built.logits);
  const session = await createSession(built.graph, threads === undefined ? {} : { threads });
  const labelCount = model.labels.length;

  return {
    async predict(examples, batchSize, progress) {
      const results: ExampleLogits[] = [];
      let tokens = 0;
      const lengths = examples.map((example) => example.inputIds.length);
      for (const indices of planEvaluationBatches(lengths, batchSize)) {
        const batch = collate(examples, indices, model.config.padTokenId, model.task);
        const feeds = new Map([...parameters, ...batchFeeds(batch, model.task)]);
        const logits = (await session.run(feeds)).get('logits')?.data as Float32Array;
        const perExample = model.task === 'token-classification' ? batch.seqLength * labelCount : labelCount;
        for (const [row, index] of indices.entries()) {
          const length =
            model.task === 'token-classification' ? (lengths[index] ?? 0) * labelCount : perExample;
          const own = logits.slice(row * perExample, row * perExample + length);
          if (firstNotFinite(own) >= 0) throw notFinite(examples[index]);
          results[index] = own;
        }
        tokens += batch.tokens;
        progress?.update(tokens);
      }
      return results;
    },
    dispose: () => session.dispose(),
  };
}

function notFinite(example: EncodedExample | undefined): RegmeanError {
  const { file, row } = example?.source ?? { file: '', row: 0 };
  return new RegmeanError('numerical', `${file}, row ${row}: logits must be finite`, {
    hint: "the model's weights overflow: check them",
  });
}
