import { describe, expect, it } from 'vitest';
import type { EncodedExample } from '../../../shared/examples/example.ts';
import { createGenerator, type GenerationOptions } from '../../../shared/generation/generator.ts';
import { createPredictor } from '../../../shared/inference/predictor.ts';
import { createModel, type Model } from '../../../shared/models/model-folder.ts';
import { createRandom } from '../../../shared/random.ts';
import { oneThread, quietContext } from '../../support/run-context.ts';
import { tinyGpt2, tinyLlama, tinyT5 } from '../../support/tiny-language-models.ts';
import { tinyConfig } from '../../support/tiny-model.ts';

const vocab = 7;
const end = 1;
const t5 = { ...tinyT5, vocab_size: vocab, initializer_factor: 6 };
const gpt2 = { ...tinyGpt2, vocab_size: vocab, initializer_range: 0.7 };
const llama = { ...tinyLlama, vocab_size: vocab, initializer_range: 0.7 };

function examplesOf(lengths: readonly number[]): EncodedExample[] {
  const random = createRandom(3);
  return lengths.map((length, index) => ({
    inputIds: Int32Array.from({ length }, () => 2 + Math.floor(random() * (vocab - 2))),
    tokenTypeIds: new Int32Array(length),
    attentionMask: new Int32Array(length).fill(1),
    labels: null,
    wordPositions: null,
    source: { file: 'rows.jsonl', row: index + 1 },
  }));
}

async function generate(
  model: Model,
  examples: readonly EncodedExample[],
  options: Partial<GenerationOptions>,
): Promise<number[][]> {
  const generator = await createGenerator(model, model.weights, oneThread);
  const texts = await generator.generate(
    examples,
    { beams: 1, maxNewTokens: 6, batchSize: 4, ...options },
    quietContext,
  );
  await generator.dispose();
  return texts.map((text) => [...text]);
}

/** log p of each next token, of a model that reads the whole target anew. */
async function slowLanguageModel(model: Model) {
  const predictor = await createPredictor(model, model.weights, oneThread);
  return async (example: EncodedExample, tokens: readonly number[]): Promise<number[]> => {
    const inputIds = Int32Array.of(...example.inputIds, ...tokens);
    const whole: EncodedExample =
      model.task === 'text2text'
        ? { ...example, decoderInputIds: Int32Array.of(0, ...tokens) }
        : {
            ...example,
            inputIds,
            attentionMask: new Int32Array(inputIds.length).fill(1),
            tokenTypeIds: inputIds,
          };
    const [logits] = await predictor.predict([whole], { batchSize: 1 }, quietContext);
    const last = [...(logits ?? [])].slice(-vocab);
    const sum = Math.log(last.reduce((total, logit) => total + Math.exp(logit), 0));
    return last.map((logit) => logit - sum);
  };
}

const largest = (values: readonly number[]): number => values.indexOf(Math.max(...values));

describe.each([
  ['t5', createModel(t5, 'text2text', [], 11)],
  [
    't5 with a tied head',
    createModel({ ...t5, tie_word_embeddings: true, feed_forward_proj: 'relu' }, 'text2text', [], 4),
  ],
  ['gpt2', createModel(gpt2, 'causal-lm', [], 2)],
  ['llama', createModel(llama, 'causal-lm', [], 3)],
  ['qwen3', createModel({ ...llama, model_type: 'qwen3' }, 'causal-lm', [], 3)],
  [
    'mistral, whose tokens see few others',
    createModel({ ...llama, model_type: 'mistral', sliding_window: 3 }, 'causal-lm', [], 3),
  ],
])('createGenerator with %s', (_, model) => {
  const examples = examplesOf([3, 9, 1, 6, 9, 14]);

  it('takes the most probable token each time, as a model without kept keys and values does', async () => {
    const logProbabilities = await slowLanguageModel(model);
    const expected: number[][] = [];
    for (const example of examples) {
      const tokens: number[] = [];
      while (tokens.length < 6) {
        const next = largest(await logProbabilities(example, tokens));
        if (next === end) break;
        tokens.push(next);
      }
      expected.push(tokens);
    }
    expect(new Set(expected.map(String)).size).toBeGreaterThan(1);
    expect(await generate(model, examples, {})).toEqual(expected);
    expect(await generate(model, examples, { batchSize: 1 })).toEqual(expected);
  });

  it('finds the best of all texts with as many beams as there are texts', async () => {
    const logProbabilities = await slowLanguageModel(model);
    const maxNewTokens = 3;
    const found = await generate(model, examples.slice(0, 3), { beams: vocab ** 2, maxNewTokens });
    for (const [index, example] of examples.slice(0, 3).entries()) {
      let best: { tokens: number[]; score: number } = { tokens: [], score: Number.NEGATIVE_INFINITY };
      const visit = async (tokens: number[], score: number): Promise<void> => {
        for (const [token, logProbability] of (await logProbabilities(example, tokens)).entries()) {
          const total = score + logProbability;
          const all = token === end ? tokens : [...tokens, token];
          const isWhole = token === end || all.length === maxNewTokens;
          const own = total / (tokens.length + 1);
          if (isWhole && own > best.score) best = { tokens: all, score: own };
          if (!isWhole) await visit(all, total);
        }
      };
      await visit([], 0);
      expect(found[index]).toEqual(best.tokens);
    }
  });

  it('gives each text of a batch what it gets alone, with beams too', async () => {
    const together = await generate(model, examples, { beams: 3 });
    for (const [index, example] of examples.entries()) {
      expect(await generate(model, [example], { beams: 3 })).toEqual([together[index]]);
    }
  });
});

describe('createGenerator', () => {
  it('stops between two tokens when it is asked to', async () => {
    const model = createModel({ ...t5, eos_token_id: [] }, 'text2text', [], 11);
    const generator = await createGenerator(model, model.weights, oneThread);
    const controller = new AbortController();
    const context = { ...quietContext, signal: controller.signal };
    const options = { beams: 1, maxNewTokens: 1_000_000, batchSize: 4 };
    const running = generator.generate(examplesOf([3]), options, context);
    setTimeout(() => controller.abort(), 50);
    await expect(running).rejects.toMatchObject({
      code: 'interrupted',
      message: expect.stringMatching(/^generating: stopped after \d+ of at most 1000000 tokens$/),
    });
    await generator.dispose();
  });

  it('refuses families that cannot generate', async () => {
    const bert = createModel(tinyConfig, 'text-classification', ['a', 'b'], 1);
    await expect(createGenerator(bert, bert.weights, oneThread)).rejects.toThrow(
      'bert: cannot generate text',
    );
  });
});

describe('a text that is continued', () => {
  it.each([
    ['gpt2', { ...gpt2, eos_token_id: null }],
    ['llama', { ...llama, eos_token_id: null }],
  ])('ends where %s has no positions for more', async (_, config) => {
    const model = createModel(config, 'causal-lm', [], 2);
    for (const beams of [1, 2]) {
      const texts = await generate(model, examplesOf([3, 20, 24]), { maxNewTokens: 100, beams });
      expect(texts.map(({ length }) => length)).toEqual([21, 4, 0]);
    }
  });

  it('is not limited by the positions of its input where a model has an encoder', async () => {
    const model = createModel({ ...t5, n_positions: 8, eos_token_id: [] }, 'text2text', [], 11);
    const [text] = await generate(model, examplesOf([8]), { maxNewTokens: 12 });
    expect(text).toHaveLength(12);
  });
});
