import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { collectGrams } from '../../../agent/statistics/collect-grams.ts';
import { collate } from '../../../shared/examples/collate.ts';
import type { EncodedExample } from '../../../shared/examples/example.ts';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { createGenerator } from '../../../shared/generation/generator.ts';
import { createLikelihoods } from '../../../shared/inference/likelihoods.ts';
import { createPredictor } from '../../../shared/inference/predictor.ts';
import { createModel, type Model } from '../../../shared/models/model-folder.ts';
import { createRandom } from '../../../shared/random.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { labelsFor } from '../../support/example-labels.ts';
import { floats, networkModel, node, vocabulary, width, writeOnnxFile } from '../../support/onnx-network.ts';
import { oneThread, quietContext } from '../../support/run-context.ts';
import { tinyGpt2, tinyT5 } from '../../support/tiny-language-models.ts';
import { writeAsOnnx } from '../../support/write-as-onnx.ts';

const vocab = 9;
const random = createRandom(5);
const ids = (length: number): Int32Array =>
  Int32Array.from({ length }, () => 2 + Math.floor(random() * (vocab - 2)));

function exampleOf(task: TaskKind, inputIds: Int32Array, labels: Int32Array): EncodedExample {
  return {
    inputIds,
    tokenTypeIds: new Int32Array(inputIds.length),
    attentionMask: new Int32Array(inputIds.length).fill(1),
    labels: labelsFor(task, labels),
    wordPositions: null,
    source: { file: 'rows.jsonl', row: 1 },
  };
}

/** The network of a model's ONNX file, with what its config.json says of tokens. */
async function network(model: Model): Promise<Model> {
  const file = await writeAsOnnx(model);
  const config = { pad_token_id: 0, eos_token_id: 1, decoder_start_token_id: 0 };
  await writeFile(join(dirname(file), 'config.json'), JSON.stringify(config));
  return (await loadModel(file, { task: model.task })).model;
}

describe.each([
  ['T5', createModel({ ...tinyT5, vocab_size: vocab, initializer_factor: 4 }, 'text2text', [], 7), 'seq2seq'],
  [
    'GPT-2',
    createModel({ ...tinyGpt2, vocab_size: vocab, initializer_range: 0.5 }, 'causal-lm', [], 8),
    'lm',
  ],
] as const)('a language model (%s) from its ONNX file', (_, known, kind) => {
  const examples = [3, 8, 5, 8].map((length) => {
    const inputIds = ids(length);
    const following = Int32Array.of(...inputIds.slice(1), -100);
    return exampleOf(known.task, inputIds, kind === 'lm' ? following : Int32Array.of(...ids(length - 2), 1));
  });

  it('has the logits and likelihoods of its family, padded or not', async () => {
    const imported = await network(known);
    for (const batchSize of [1, 4]) {
      const [ours, theirs] = await Promise.all(
        [imported, known].map(async (model) => {
          const predictor = await createPredictor(model, model.weights, oneThread);
          const likelihoods = await createLikelihoods(model, model.weights, oneThread);
          const logits = await predictor.predict(examples, { batchSize }, quietContext);
          const likelihood = await likelihoods.compute(examples, { batchSize }, quietContext);
          await predictor.dispose();
          await likelihoods.dispose();
          return { logits: logits.map((own) => [...own]), likelihood };
        }),
      );
      for (const [row, logits] of (theirs?.logits ?? []).entries()) {
        expect(ours?.logits[row]).toHaveLength(logits.length);
        for (const [at, value] of logits.entries()) expect(ours?.logits[row]?.[at]).toBeCloseTo(value, 4);
      }
      expect(ours?.likelihood.map(({ tokens }) => tokens)).toEqual(
        theirs?.likelihood.map(({ tokens }) => tokens),
      );
    }
  });

  it('generates what its family generates, with keys and values computed anew for every token', async () => {
    const imported = await network(known);
    for (const beams of [1, 3]) {
      const texts = await Promise.all(
        [imported, known].map(async (model) => {
          const generator = await createGenerator(model, model.weights, oneThread);
          const options = { beams, maxNewTokens: 6, batchSize: 3 };
          const found = await generator.generate(examples, options, quietContext);
          await generator.dispose();
          return found.map((text) => [...text]);
        }),
      );
      expect(texts[0]).toEqual(texts[1]);
      expect(texts[0]?.some((text) => text.length > 1)).toBe(true);
    }
  });

  it('has the Grams of its family: of the rows of tokens, or of the tokens of targets', async () => {
    const imported = await network(known);
    const options = { batches: 10, batchSize: 3, seed: 1 };
    const [ours, theirs] = [
      await collectGrams(imported, examples, options, quietContext),
      await collectGrams(known, examples, options, quietContext),
    ];
    const owners = (collected: typeof ours): Map<string, string> => new Map(collected.layers);
    expect([...owners(ours).keys()].sort()).toEqual([...owners(theirs).keys()].sort());
    for (const [module, name] of owners(theirs)) {
      const wanted = theirs.grams.find((gram) => gram.name === name);
      const found = ours.grams.find((gram) => gram.name === owners(ours).get(module));
      expect(found?.rows, module).toBe(wanted?.rows);
      for (const [at, value] of (wanted?.packed ?? []).entries()) {
        expect(found?.packed[at], module).toBeCloseTo(value, 2);
      }
    }
  });
});

it('gives positions to a network that asks for them, and takes the longest text from their table', async () => {
  const table = Array.from({ length: 6 * width }, () => 2 * random() - 1);
  const head = Array.from({ length: width * 3 }, () => 2 * random() - 1);
  const plain = networkModel(
    [
      node('Gather', ['places', 'position_ids'], ['place']),
      node('Add', ['x', 'place'], ['sum']),
      node('MatMul', ['sum', 'head'], ['logits']),
    ],
    [floats('places', [6, width], table), floats('head', [width, 3], head)],
  );
  const [input] = plain.graph.input;
  const file = await writeOnnxFile({
    ...plain,
    graph: { ...plain.graph, input: [...plain.graph.input, { ...input, name: 'position_ids' }] },
  });
  const { model } = await loadModel(file, { task: 'token-classification' });
  expect(model.config.inputs).toMatchObject({ maxLength: 6, vocabSize: vocabulary });
  const examples = [[1, 4, 4], [4]].map((tokens) =>
    exampleOf('token-classification', Int32Array.from(tokens), new Int32Array(tokens.length)),
  );
  expect(collate(examples, [0, 1], model.config.inputs, model.task).seqLength).toBe(3);
  const predictor = await createPredictor(model, model.weights, oneThread);
  const [first, second] = await predictor.predict(examples, { batchSize: 2 }, quietContext);
  await predictor.dispose();
  const words = model.weights.get('table')?.data ?? [];
  const expected = (token: number, position: number): number[] =>
    [0, 1, 2].map((column) =>
      Array.from({ length: width }, (_, at) => at).reduce(
        (sum, at) =>
          sum +
          ((words[token * width + at] ?? 0) + (table[position * width + at] ?? 0)) *
            (head[at * 3 + column] ?? 0),
        0,
      ),
    );
  const wanted = [expected(1, 0), expected(4, 1), expected(4, 2), expected(4, 0)].flat();
  for (const [at, value] of [...(first ?? []), ...(second ?? [])].entries()) {
    expect(value).toBeCloseTo(wanted[at] ?? Number.NaN, 5);
  }
});
