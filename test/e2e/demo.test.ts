import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sentimentDataset } from '../../deploy/datasets/sentiment.ts';
import { describeReport } from '../../deploy/demo/describe-report.ts';
import type { DemoPlan } from '../../deploy/demo/plan.ts';
import { type DemoOptions, runDemo } from '../../deploy/demo/run-demo.ts';
import { learnVocabulary } from '../../deploy/pretraining/train-tokenizer.ts';
import { writeTokenizer } from '../../deploy/pretraining/write-tokenizer.ts';
import { createModel, saveModel } from '../../shared/models/model-folder.ts';
import { openSafetensors } from '../../shared/safetensors/open-safetensors.ts';

const program = fileURLToPath(new URL('../../dist/deploy/bin/regmean.js', import.meta.url));
const plan: DemoPlan = {
  sizes: { train: 64, dev: 16, test: 40 },
  training: { epochs: 1, batchSize: 16, learningRate: 1e-3, maxLength: 32 },
  measure: 'accuracy',
};
const config = {
  model_type: 'bert',
  architectures: ['BertForMaskedLM'],
  vocab_size: 300,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 64,
  hidden_act: 'gelu',
  max_position_embeddings: 32,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
};

let directory: string;
let options: DemoOptions;
let messages = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'regmean-demo-'));
  const base = join(directory, 'base');
  const texts = sentimentDataset(plan.sizes, 1).domains.flatMap(({ train }) =>
    train.map((row) => ('text' in row ? row.text : '')),
  );
  writeTokenizer(join(directory, 'tokenizer'), learnVocabulary(texts, config.vocab_size), 32);
  await mkdir(base);
  await saveModel(base, createModel(config, 'masked-lm', [], 1), {
    sideFilesFrom: join(directory, 'tokenizer'),
  });
  const write = (text: string): void => {
    messages += text;
  };
  options = {
    data: 'sentiment',
    plan,
    base,
    out: join(directory, 'out'),
    seed: 1,
    program,
    messages: { write },
  };
});
afterAll(() => rm(directory, { recursive: true }));

describe('the demo', () => {
  it('takes three private data folders to one fused model, in separate processes over mutual TLS', async () => {
    const report = await runDemo(options, new AbortController().signal);
    expect(report.results.domains).toEqual(['amazon', 'imdb', 'yelp']);
    expect(report.results.combined.map(({ label }) => label)).toEqual([
      'Simple average',
      'RegMean, alpha 0.9',
      'chosen by the agents',
      'ensemble of the 3 models',
    ]);
    for (const { scores } of [...report.results.singles, ...report.results.combined]) {
      expect([...scores.keys()]).toEqual(['amazon', 'imdb', 'yelp']);
      for (const score of scores.values()) expect(score).toBeGreaterThan(0);
    }
    for (const agent of report.round.agents) expect(agent.bytesSent).toBeGreaterThan(50_000);
    expect(messages).toMatch(/merger +│ listening address=127\.0\.0\.1:\d+ security=mutual-tls/);

    const fused = await Promise.all(
      report.paths.agents.map((agent) => readFile(join(agent.fused, 'model.safetensors'))),
    );
    expect(fused[1]?.equals(fused[0] as Buffer)).toBe(true);
    expect(fused[2]?.equals(fused[0] as Buffer)).toBe(true);
    const simple = await openSafetensors(join(report.paths.simple, 'model.safetensors'));
    const regmean = await openSafetensors(join(report.paths.regmean, 'model.safetensors'));
    const solved = 'bert.encoder.layer.1.output.dense.weight';
    expect(await regmean.readFloat32(solved)).not.toEqual(await simple.readFloat32(solved));
    const averaged = 'bert.embeddings.word_embeddings.weight';
    expect(await regmean.readFloat32(averaged)).toEqual(await simple.readFloat32(averaged));
    await Promise.all([simple.close(), regmean.close()]);

    const text = describeReport(report, plan, false);
    expect(text).toContain('RegMean, alpha 0.9');
    const { choice } = report;
    expect(choice).toMatchObject({ by: 'scores', rule: 'mean' });
    for (const { scores } of choice.candidates) {
      expect(Object.keys(scores).sort()).toEqual(['amazon', 'imdb', 'yelp']);
    }
    const chosen = choice.candidates.find(({ name }) => name === choice.chosen);
    expect(text).toMatch(new RegExp(`^${chosen?.title} .* chosen$`, 'm'));
    expect(text).toContain(`The fused model: ${report.paths.agents[0]?.fused}`);
    expect(text).toContain(report.paths.picture);
    expect(await readFile(report.paths.picture, 'utf8')).toMatch(
      /^<svg .*the merge that its agents chose: /s,
    );
    expect(JSON.parse(await readFile(report.paths.results, 'utf8'))).toMatchObject({
      data: 'sentiment',
      seed: 1,
    });
  });

  it('says which process failed, and with which words', async () => {
    const broken = { ...options, base: join(directory, 'nowhere') };
    await expect(runDemo(broken, new AbortController().signal)).rejects.toThrow(
      /^merger: regmean merger serve .* ended with exit code 1\n(.*\n)*.*nowhere/,
    );
  });

  it('stops every process when it is interrupted', async () => {
    const interrupt = new AbortController();
    let seen = '';
    const write = (text: string): void => {
      seen += text;
      if (/│ training/.test(text)) interrupt.abort();
    };
    const demo = runDemo({ ...options, messages: { write } }, interrupt.signal);
    await expect(demo).rejects.toThrow('demo: stopped');
    expect(seen).toContain('stopping');
  });
});
