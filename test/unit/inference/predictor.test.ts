import { describe, expect, it } from 'vitest';
import type { EncodedExample } from '../../../shared/examples/example.ts';
import { createPredictor } from '../../../shared/inference/predictor.ts';
import { createModel, type Model } from '../../../shared/models/model-folder.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { oneThread, quietContext } from '../../support/run-context.ts';
import { tinyConfig, toyRows } from '../../support/tiny-model.ts';
import '../../support/allclose.ts';

const labels = ['a', 'b', 'c'];

function examplesOf(count: number): EncodedExample[] {
  return toyRows('text-classification', count, 6).map(({ input_ids }, index) => ({
    inputIds: Int32Array.from(input_ids),
    tokenTypeIds: new Int32Array(input_ids.length),
    attentionMask: new Int32Array(input_ids.length).fill(1),
    labels: null,
    wordPositions: null,
    source: { file: 'rows.jsonl', row: index + 1 },
  }));
}

async function predict(model: Model, examples: readonly EncodedExample[], batchSize: number) {
  const predictor = await createPredictor(model, model.weights, oneThread);
  try {
    return await predictor.predict(examples, { batchSize }, quietContext);
  } finally {
    await predictor.dispose();
  }
}

describe('createPredictor', () => {
  it.each<[TaskKind, (length: number) => number]>([
    ['text-classification', () => 3],
    ['token-classification', (length) => 3 * length],
  ])(
    'gives the logits of %s in the order of the examples, whatever they are padded with',
    async (task, size) => {
      const model = createModel(tinyConfig, task, labels, 3);
      const examples = examplesOf(9);
      const together = await predict(model, examples, 4);
      for (const [index, example] of examples.entries()) {
        const [alone] = await predict(model, [example], 1);
        const shape = [size(example.inputIds.length)];
        expect({ shape: [together[index]?.length ?? 0], data: together[index] ?? [] }).toBeAllclose(
          { shape, data: alone ?? [] },
          { rtol: 1e-5, name: `row ${index + 1}` },
        );
      }
    },
  );

  it('reads the parameters anew at each run', async () => {
    const model = createModel(tinyConfig, 'text-classification', labels, 3);
    const predictor = await createPredictor(model, model.weights, oneThread);
    const examples = examplesOf(1);
    const [before] = await predictor.predict(examples, { batchSize: 1 }, quietContext);
    model.weights.get('classifier.bias')?.data.fill(5);
    const [after] = await predictor.predict(examples, { batchSize: 1 }, quietContext);
    await predictor.dispose();
    expect(after?.[0]).toBeCloseTo((before?.[0] ?? 0) + 5, 4);
  });

  it('names the row whose logits are not finite', async () => {
    const model = createModel(tinyConfig, 'text-classification', labels, 3);
    model.weights.get('classifier.weight')?.data.fill(3e38);
    await expect(predict(model, examplesOf(1), 1)).rejects.toMatchObject({
      code: 'numerical',
      message: 'rows.jsonl, row 1: logits must be finite',
    });
  });
});
