import { resultsOf } from '../examples/batches-of.ts';
import type { EncodedExample } from '../examples/example.ts';
import { lengthsOf, planEvaluationBatches } from '../examples/plan-batches.ts';
import { logitRowsOf, type TaskKind } from '../task.ts';
import type { LayersNetwork } from '../tensorflow/network.ts';
import { requireReadable, runOn } from '../tensorflow/readable.ts';
import type { Predictor } from './predictor.ts';

/** A LayersModel as a predictor; its weights are read at each run. */
export function createLayersPredictor(network: LayersNetwork, task: TaskKind): Predictor {
  const { tensorFlow, model, inputs, outputs } = network;
  const isPerToken = logitRowsOf(task) === 'token';
  return {
    outputs,
    async predict(examples, { batchSize, name = 'predicting' }, context) {
      requireReadable(network, examples);
      const plan = planEvaluationBatches(lengthsOf(examples), batchSize, inputs.equalLengths);
      return resultsOf(examples, { name, plan, task, inputs }, context, (batch) => {
        const run = (): Float32Array => {
          const output = model.predictOnBatch(network.inputsOf(batch));
          return network
            .logitsOf(Array.isArray(output) ? (output[0] as (typeof output)[0]) : output)
            .dataSync<'float32'>();
        };
        const logits = runOn(examples, batch.indices, () => tensorFlow.core.tidy(run));
        const perExample = logits.length / batch.batchSize;
        return batch.indices.map((index, row) => {
          const rows = isPerToken ? (examples[index] as EncodedExample).inputIds.length : 1;
          const start = row * perExample;
          return Float32Array.from(logits.subarray(start, start + rows * outputs));
        });
      });
    },
    dispose: async () => model.dispose() as unknown as undefined,
  };
}
