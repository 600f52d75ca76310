import { collate } from '../examples/collate.ts';
import type { EncodedExample } from '../examples/example.ts';
import { planEvaluationBatches } from '../examples/plan-batches.ts';
import { logitRowsOf, type TaskKind } from '../task.ts';
import type { LayersNetwork } from '../tensorflow/network.ts';
import { requireReadable, runOn } from '../tensorflow/readable.ts';
import type { ExampleLogits, Predictor } from './predictor.ts';

/** A LayersModel as a predictor; its weights are read at each run. */
export function createLayersPredictor(network: LayersNetwork, task: TaskKind): Predictor {
  const { tensorFlow, model, inputs, outputs } = network;
  const isPerToken = logitRowsOf(task) === 'token';
  return {
    outputs,
    async predict(examples, batchSize, progress) {
      requireReadable(network, examples);
      const results: ExampleLogits[] = [];
      let tokens = 0;
      const lengths = examples.map((example) => example.inputIds.length);
      for (const indices of planEvaluationBatches(lengths, batchSize, inputs.equalLengths)) {
        const batch = collate(examples, indices, inputs, task);
        const run = (): Float32Array => {
          const output = model.predictOnBatch(network.inputsOf(batch));
          return network
            .logitsOf(Array.isArray(output) ? (output[0] as (typeof output)[0]) : output)
            .dataSync<'float32'>();
        };
        const logits = runOn(examples, indices, () => tensorFlow.core.tidy(run));
        const perExample = logits.length / indices.length;
        for (const [row, index] of indices.entries()) {
          const rows = isPerToken ? (examples[index] as EncodedExample).inputIds.length : 1;
          const start = row * perExample;
          results[index] = Float32Array.from(logits.subarray(start, start + rows * outputs));
        }
        tokens += batch.tokens;
        progress?.update(tokens);
      }
      return results;
    },
    dispose: async () => model.dispose() as unknown as undefined,
  };
}
