import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, type Model, saveModel } from '../../shared/models/model-folder.ts';
import { createRandom } from '../../shared/random.ts';
import { tinyGpt2, tinyLlama, tinyT5 } from '../support/tiny-language-models.ts';
import { writeRows } from '../support/tiny-model.ts';
import { unigramTokenizerJson } from '../support/unigram-tokenizer.ts';
import { runCommand } from '../support/wire-process.ts';
import { writeAsOnnx } from '../support/write-as-onnx.ts';

const words = ['yes', 'no', 'is', 'this', 'warm?', 'cold?', 'sun', 'fire', 'ice', 'snow'];
const vocabSize = words.length + 4;
const t5 = { ...tinyT5, vocab_size: vocabSize, d_model: 24, d_kv: 8, d_ff: 48, num_decoder_layers: 2 };
const task = ['--task', 'text2text', '--threads', '1'];
let folder: string;
const at = (name: string): string => join(folder, name);

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(args);
  expect(code, stderr).toBe(0);
  return stdout;
}

/** Rows of a warm or a cold word: what the classes are is read off the word. */
function rowsOf(count: number, seed: number): { text: string; label: string }[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => {
    const label = random() < 0.5 ? 'warm' : 'cold';
    const pair = label === 'warm' ? ['sun', 'fire'] : ['ice', 'snow'];
    const word = (): string => pair[Math.floor(random() * 2)] as string;
    return { text: random() < 0.5 ? word() : `${word()} ${word()}`, label };
  });
}

/**
 * A base model: a Hugging Face folder, or the file of its network as an exporter writes it, with a
 * configuration and a tokenizer.
 */
async function makeBase(name: string, model: Model): Promise<string> {
  const base = at(name);
  await mkdir(base);
  await writeFile(join(base, 'tokenizer.json'), JSON.stringify(unigramTokenizerJson(words)));
  if (!name.endsWith('onnx')) {
    await saveModel(base, model);
    return base;
  }
  await copyFile(await writeAsOnnx(model), join(base, 'net.onnx'));
  const tokens = { pad_token_id: 0, eos_token_id: 1, decoder_start_token_id: 0 };
  await writeFile(join(base, 'config.json'), JSON.stringify(tokens));
  return join(base, 'net.onnx');
}

async function readLines(path: string): Promise<Record<string, unknown>[]> {
  return (await readFile(path, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-language-'));
  await makeBase('t5', createModel(t5, 'text2text', [], 3));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('two agents fine-tune T5 to answer questions', () => {
  it.each([
    ['T5', async () => at('t5')],
    ['T5 from an ONNX file', () => makeBase('t5-onnx', createModel(t5, 'text2text', [], 3))],
  ])('%s: contribute, merge, evaluate and predict', async (name, makeIts) => {
    const base = await makeIts();
    const prefix = name.replaceAll(' ', '-');
    for (const [seed, agent] of ['north', 'south', 'test'].entries()) {
      await writeRows(at(`${agent}.jsonl`), rowsOf(60, seed));
      const template = ['--template', 'is this {class}? {text}', '--classes', 'warm,cold'];
      const files = ['--data', at(`${agent}.jsonl`), '--out', at(`${agent}-questions.jsonl`)];
      await run('questions', '--task', 'text-classification', ...files, ...template);
    }
    for (const agent of ['north', 'south']) {
      const [data, model] = [at(`${agent}-questions.jsonl`), at(`${prefix}-${agent}-model`)];
      const training = [
        '--epochs',
        '8',
        '--lr',
        '0.01',
        '--batch-size',
        '8',
        '--dev',
        at('test-questions.jsonl'),
      ];
      const trained = await run(
        'train',
        '--model',
        base,
        ...task,
        '--train',
        data,
        '--out',
        model,
        ...training,
        '--json',
      );
      expect(JSON.parse(trained).metrics.exactMatch).toBeGreaterThan(0.9);
      const made = await run(
        'stats',
        '--model',
        model,
        ...task,
        '--data',
        data,
        '--out',
        at(`${prefix}-${agent}`),
        '--agent',
        agent,
        '--fisher',
        'empirical',
        '--json',
      );
      // Of each stack's blocks 2 x (q k v, o, wi_0 wi_1, wo), cross-attention's q and o per block,
      // its keys and values together, lm_head.
      expect(JSON.parse(made)).toMatchObject({ grams: 2 * (2 * 4) + 2 * 2 + 1 + 1, linearLayers: 37 });
    }
    const fused = at(`${prefix}-fused`);
    const contributions = [at(`${prefix}-north`), at(`${prefix}-south`)];
    await run('merge', ...contributions, '--out', fused);
    await run('merge', ...contributions, '--out', at(`${prefix}-fused-fisher`), '--method', 'fisher');
    const scores = await run(
      'evaluate',
      '--model',
      fused,
      ...task,
      '--data',
      at('test-questions.jsonl'),
      '--json',
    );
    const [score] = JSON.parse(scores);
    expect(score.main).toBe('exactMatch');
    expect(score.metrics.exactMatch).toBeGreaterThan(0.4);

    const data = at('test-questions.jsonl');
    await run(
      'predict',
      '--model',
      at(`${prefix}-north-model`),
      ...task,
      '--data',
      data,
      '--out',
      at('answers.jsonl'),
      '--beams',
      '2',
    );
    const answers = await readLines(at('answers.jsonl'));
    const questions = await readLines(data);
    const right = answers.filter(({ text }, row) => text === questions[row]?.target);
    expect(right.length / answers.length).toBeGreaterThan(0.9);
  });

  it('gives logits of targets that rows bring', async () => {
    const rows = [
      { input_ids: [5, 6, 1], labels: [3, 1] },
      { input_ids: [5, 1], decoder_input_ids: [0, 3, 4] },
      { input_ids: [5, 1] },
    ];
    await writeRows(at('ids.jsonl'), rows);
    await run(
      'predict',
      '--model',
      at('t5'),
      ...task,
      '--data',
      at('ids.jsonl'),
      '--out',
      at('ids-out.jsonl'),
      '--max-new-tokens',
      '3',
    );
    const [labelled, given, generated] = await readLines(at('ids-out.jsonl'));
    const shape = (row: unknown): number[] => (row as number[][]).map((logits) => logits.length);
    expect(shape(labelled?.logits)).toEqual([vocabSize, vocabSize]);
    expect(shape(given?.logits)).toEqual([vocabSize, vocabSize, vocabSize]);
    expect(generated?.ids).toHaveProperty('length');
    expect(Number((generated?.ids as number[] | undefined)?.length)).toBeLessThanOrEqual(3);
    expect(generated).toHaveProperty('text');
  });

  it('says what a family has no head for', async () => {
    const { code, stderr } = await runCommand([
      'predict',
      '--model',
      at('t5'),
      '--task',
      'text-classification',
      '--data',
      at('ids.jsonl'),
      '--out',
      at('x.jsonl'),
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('t5: has no head for text-classification here, only for text2text');
  });
});

describe('two agents fine-tune a causal language model', () => {
  const causal = ['--task', 'causal-lm', '--threads', '1'];
  const sizes = { vocab_size: vocabSize, initializer_range: 0.1 };
  const gpt2 = { ...tinyGpt2, ...sizes, n_embd: 24 };
  const llama = { ...tinyLlama, ...sizes, hidden_size: 24, intermediate_size: 32 };

  it.each([
    // Tied to the embeddings, GPT-2's head is averaged; Llama's has a Gram.
    ['gpt2', gpt2, { grams: 8, linearLayers: 8 }],
    ['llama', llama, { grams: 9, linearLayers: 15 }],
    ['gpt2-onnx', gpt2, { grams: 8, linearLayers: 8 }],
  ])('%s: contribute, merge, evaluate and continue texts', async (family, config, expected) => {
    const base = await makeBase(family, createModel(config, 'causal-lm', [], 3));
    const rows = Array.from({ length: 30 }, (_, row) => ({
      text: row % 2 === 0 ? 'is this warm? yes' : 'is this cold? no',
    }));
    const data = await writeRows(at('texts.jsonl'), rows);
    for (const agent of ['north', 'south']) {
      const model = at(`${family}-${agent}-model`);
      const training = ['--epochs', '6', '--lr', '0.02', '--batch-size', '4', '--dev', data];
      const trained = await run(
        'train',
        '--model',
        base,
        ...causal,
        '--train',
        data,
        '--out',
        model,
        ...training,
        '--json',
      );
      expect(JSON.parse(trained).metrics.perplexity).toBeLessThan(2);
      const made = await run(
        'stats',
        '--model',
        model,
        ...causal,
        '--data',
        data,
        '--out',
        at(`${family}-${agent}`),
        '--agent',
        agent,
        '--json',
      );
      expect(JSON.parse(made)).toMatchObject(expected);
    }
    const fused = at(`${family}-fused`);
    await run('merge', at(`${family}-north`), at(`${family}-south`), '--out', fused);
    const [score] = JSON.parse(await run('evaluate', '--model', fused, ...causal, '--data', data, '--json'));
    expect(score).toMatchObject({ main: 'logLikelihood', metrics: { perplexity: expect.any(Number) } });
    expect(score.metrics.perplexity).toBeLessThan(2);

    const texts = await writeRows(at('prompts.jsonl'), [
      { text: 'is this warm? yes' },
      { input_ids: [5, 6] },
    ]);
    const out = at(`${family}-out.jsonl`);
    await run('predict', '--model', fused, ...causal, '--data', texts, '--out', out);
    const [likely, logits] = await readLines(out);
    expect(likely).toEqual({ logLikelihood: expect.any(Number), tokens: 4 });
    expect((logits?.logits as number[][] | undefined)?.map((row) => row.length)).toEqual([
      vocabSize,
      vocabSize,
    ]);
    const prompt = await writeRows(at('prompt.jsonl'), [{ input_ids: [5, 6, 7] }, { input_ids: [5, 6] }]);
    await run(
      'predict',
      '--model',
      fused,
      ...causal,
      '--data',
      prompt,
      '--out',
      out,
      '--max-new-tokens',
      '4',
    );
    const [first, second] = await readLines(out);
    expect(first).toEqual({ ids: [3], text: 'yes' });
    expect((second?.ids as number[] | undefined)?.slice(0, 1)).toEqual([expect.toBeOneOf([7, 8])]);
  });
});
