import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExperimentResults, Measurement } from '../../deploy/experiment/results.ts';
import { toyRows, writeRows, writeTinyBase } from '../support/tiny-model.ts';
import { type ProcessResult, runCommand, startCommand } from '../support/wire-process.ts';

const domains = ['north', 'south', 'west'];
let folder: string;
let file: string;

/** A whole experiment on toy data of input_ids: every setting and sweep. */
async function writeExperiment(changes: Readonly<Record<string, string | null>> = {}): Promise<string> {
  const sections = {
    seeds: '[1, 2]',
    training: '{ epochs: 1, batchSize: 8, learningRate: 1e-2 }',
    statistics: '{ batches: 4, batchSize: 8, fisher: { examples: 8 } }',
    methods: `
  - { label: Simple, method: simple }
  - { label: Fisher, method: fisher, fisherNormalize: model }
  - { label: RegMean 0.9, method: regmean, alpha: 0.9 }`,
    settings: '[single, multi-task, all, pairs, greedy, agents]',
    sweeps: '{ alpha: [0, 1], ridge: [0.1], batches: [1] }',
    matching: '{ agents: [north, west] }',
    ...changes,
  };
  const list = domains.map(
    (name) =>
      `    - { name: ${name}, train: [${name}-train.jsonl], dev: [${name}-dev.jsonl], test: [${name}-test.jsonl] }`,
  );
  await writeFile(
    file,
    [
      'name: toy\ntitle: Toy data\nbase: base',
      `data:\n  task: text-classification\n  labels: [cold, warm]\n  domains:\n${list.join('\n')}`,
      '  outOfDomain: [{ name: away, dev: [away-dev.jsonl], test: [away-test.jsonl] }]',
      ...Object.entries(sections).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`])),
      '',
    ].join('\n'),
  );
  return file;
}

const run = (...args: string[]): Promise<ProcessResult> =>
  runCommand(['experiment', file, '--out', join(folder, 'out'), '--threads', '1', ...args]);

async function results(): Promise<ExperimentResults> {
  return JSON.parse(await readFile(join(folder, 'out', 'results.json'), 'utf8'));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-experiment-'));
  file = join(folder, 'toy.yaml');
  await writeTinyBase(join(folder, 'base'));
  for (const [index, name] of [...domains, 'away'].entries()) {
    const rows = (count: number, seed: number) => toyRows('text-classification', count, 10 * index + seed);
    await writeRows(join(folder, `${name}-train.jsonl`), rows(48, 1));
    await writeRows(join(folder, `${name}-dev.jsonl`), rows(16, 2));
    await writeRows(join(folder, `${name}-test.jsonl`), rows(24, 3));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('regmean experiment', () => {
  it('can be stopped, continues, measures everything it was asked for, and writes its reports', async () => {
    await writeExperiment();
    const first = startCommand(['experiment', file, '--out', join(folder, 'out'), '--threads', '1']);
    await first.waitFor(/fine-tuning south, seed 1/);
    await first.kill('SIGINT');
    expect(await first.result).toMatchObject({ code: 130 });

    const result = await run();
    expect(result, result.stderr).toMatchObject({ code: 0 });
    expect(result.stderr).not.toContain('fine-tuning north, seed 1');
    const { measurements, matchedLayers, testSets } = await results();
    const count = (setting: Measurement['setting']): number =>
      measurements.filter((own) => own.seed === 2 && own.setting === setting).length;
    expect({
      single: count('single'),
      multiTask: count('multi-task'),
      all: count('all'),
      pairs: count('pairs'),
      greedy: count('greedy'),
      agents: count('agents'),
      alpha: count('alpha'),
      ridge: count('ridge'),
      batches: count('batches'),
      matching: count('matching'),
    }).toEqual({
      ...{ single: 3, multiTask: 1, all: 4, pairs: 12, greedy: 9, agents: 6 },
      ...{ alpha: 2, ridge: 1, batches: 1, matching: 9 },
    });
    expect(matchedLayers.filter(({ seed }) => seed === 2).map(({ by }) => by)).toEqual([
      ...['weights', 'weights', 'activations', 'activations'],
    ]);
    expect(testSets.map(({ name, group }) => `${name} ${group}`)).toContain('away out-of-domain');
    expect(await readFile(join(folder, 'out', 'report.md'), 'utf8')).toBe(result.stdout);
    expect(await readFile(join(folder, 'out', 'report.html'), 'utf8')).toContain('<figure><svg');
  });

  it('the merge of as many agents as there are is the merge of all', async () => {
    const { measurements } = await results();
    for (const method of ['Simple', 'Fisher', 'RegMean 0.9']) {
      const own = measurements.filter(
        (measured) => measured.method === method && measured.agents.length === 3,
      );
      const [all] = own.filter(({ setting, seed }) => setting === 'all' && seed === 1);
      expect(own.find(({ setting, seed }) => setting === 'agents' && seed === 1)?.scores).toEqual(
        all?.scores,
      );
    }
  });

  it('keeps an agent in greedy merging only when the validation score rises', async () => {
    const { measurements } = await results();
    const steps = measurements.filter(
      ({ setting, method, seed }) => setting === 'greedy' && method === 'Simple' && seed === 1,
    );
    for (const [index, step] of steps.entries()) {
      const before = steps[index - 1];
      if (before === undefined) continue;
      const rose = (step.validation.away ?? 0) > (before.validation.away ?? 0);
      expect(step.tried?.kept).toBe(rose);
      expect(step.agents).toEqual(rose ? [...before.agents, step.tried?.agent] : before.agents);
    }
  });

  it('computes nothing twice, and only what is new when the file changes', async () => {
    const before = await stat(join(folder, 'out', 'cache', 'models'));
    const models = await readdir(join(folder, 'out', 'cache', 'models'));
    const again = await run();
    expect(again.stderr).not.toMatch(/fine-tuning|collecting|merging/);
    await writeExperiment({ sweeps: '{ alpha: [0, 0.5, 1], ridge: [0.1], batches: [1] }' });
    const changed = await run();
    expect(changed.stderr.match(/^merging/gm)).toHaveLength(2);
    expect(await readdir(join(folder, 'out', 'cache', 'models'))).toEqual(models);
    expect((await stat(join(folder, 'out', 'cache', 'models'))).mtimeMs).toBe(before.mtimeMs);
  });

  it('chooses a method by the agents’ validation data, and merges no candidate twice', async () => {
    const settings = { seeds: '[1]', settings: '[all, pairs]', sweeps: '{}' };
    const rows = `
  - { label: Automatic, method: auto, candidates: [{ method: regmean }, { method: simple }, { method: ties }], choose: worst }
  - { label: Simple, method: simple }
  - { label: RegMean 0.9, method: regmean, alpha: 0.9 }`;
    await writeExperiment({ ...settings, methods: rows });
    const text = (await readFile(file, 'utf8')).replace(/^matching.*\n/m, '');
    await writeFile(file, text);
    const out = ['--out', join(folder, 'chosen'), '--threads', '1', '--json'];
    const result = await runCommand(['experiment', file, ...out]);
    expect(result, result.stderr).toMatchObject({ code: 0 });
    const merged = result.stderr.match(/^merging .*(Simple|RegMean 0.9)$/gm) ?? [];
    expect(merged.length).toBe(8);
    expect(new Set(merged).size).toBe(8);
    const { measurements } = JSON.parse(result.stdout) as ExperimentResults;
    const chosen = measurements.filter(({ method }) => method === 'Automatic');
    expect(chosen.map(({ setting }) => setting)).toEqual(['all', 'pairs', 'pairs', 'pairs']);
    for (const own of chosen) {
      expect(['RegMean 0.9', 'Simple', 'TIES']).toContain(own.chosen);
      const row = measurements.find(
        (other) => other.method === own.chosen && `${other.agents}` === `${own.agents}`,
      );
      if (own.chosen !== 'TIES') expect(own.scores).toEqual(row?.scores);
    }
    expect(await readFile(join(folder, 'chosen', 'report.md'), 'utf8')).toContain('## What was chosen');

    // Other test sets, the same choice.
    const flipped = toyRows('text-classification', 24, 3).map(({ label, ...row }) => ({
      ...{ ...row, label: label === 'warm' ? 'cold' : 'warm' },
    }));
    await writeRows(join(folder, 'flipped.jsonl'), flipped);
    await writeFile(file, text.replaceAll(/\w+-test\.jsonl/g, 'flipped.jsonl'));
    const other = await runCommand(['experiment', file, ...out]);
    expect(other, other.stderr).toMatchObject({ code: 0 });
    const again = (JSON.parse(other.stdout) as ExperimentResults).measurements;
    const choices = again.filter(({ method }) => method === 'Automatic');
    expect(choices.map((own) => own.chosen)).toEqual(chosen.map((own) => own.chosen));
    expect(choices[0]?.scores).not.toEqual(chosen[0]?.scores);
  });

  it('measures a second merge, with Grams collected in the first, and a head fitted to all data', async () => {
    await writeExperiment({
      seeds: '[1]',
      methods: `
  - { label: RegMean 0.9, method: regmean, alpha: 0.9 }
  - { label: RegMean++, method: regmean, alpha: 0.9, rounds: 2 }
  - { label: Fitted head, method: regmean, alpha: 0.9, ridgeHead: 1 }
  - { label: Both, method: regmean, alpha: 0.9, rounds: 2, ridgeHead: 1 }`,
      settings: '[all]',
      sweeps: '{}',
      matching: null,
    });
    const second = await run();
    expect(second, second.stderr).toMatchObject({ code: 0 });
    expect(second.stderr.match(/^collecting Grams of \w+ in the first merge/gm)).toHaveLength(3);
    const labels = (await results()).measurements.map(({ method }) => method);
    expect(labels).toEqual(['RegMean 0.9', 'RegMean++', 'Fitted head', 'Both', 'ensemble']);
    expect((await run()).stderr).not.toMatch(/collecting|merging/);
    expect(await readdir(join(folder, 'out', 'cache', 'merged'))).toEqual([]);
  });

  it('divides joint data by a key class', async () => {
    const rows = Array.from({ length: 60 }, (_, index) => ({
      text: `word${index}`,
      label: index % 2 === 0 ? 'even' : 'odd',
    }));
    await writeRows(join(folder, 'joint.jsonl'), rows);
    await writeFile(
      join(folder, 'base', 'vocab.txt'),
      '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nword\n##1\n##2\n##3\n',
    );
    await writeFile(
      file,
      `name: parts
title: Parts
base: base
data:
  task: text-classification
  joint: { train: [joint.jsonl], dev: [joint.jsonl], test: [joint.jsonl] }
  partition: { keyClass: odd, share: 0.8, size: 25 }
training: { epochs: 1, batchSize: 8 }
methods: [{ label: Simple, method: simple }]
`,
    );
    const result = await runCommand([
      'experiment',
      file,
      '--out',
      join(folder, 'parts'),
      '--threads',
      '1',
      '--json',
    ]);
    expect(result, result.stderr).toMatchObject({ code: 0 });
    const { agents, trainingExamples } = JSON.parse(result.stdout) as ExperimentResults;
    expect(agents).toEqual(['key-class', 'rest']);
    expect(trainingExamples).toEqual({ 'key-class': 25, rest: 25 });
  });

  it('names everything that is wrong with the data of all domains before the first training', async () => {
    await writeExperiment();
    const text = await readFile(file, 'utf8');
    const wrong = text
      .replace('test: [west-test.jsonl]', 'test: [gone.jsonl]')
      .replace('dev: [south-dev.jsonl]', 'dev: [other-classes.jsonl]');
    await writeFile(file, wrong);
    await writeRows(join(folder, 'other-classes.jsonl'), [{ input_ids: [2, 4, 3], label: 'hot' }]);
    const result = await runCommand(['experiment', file, '--out', join(folder, 'wrong'), '--threads', '1']);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/south, dev: .*other-classes\.jsonl, row 1: .*hot/);
    expect(result.stderr).toMatch(/west, test: .*gone\.jsonl/);
    expect(result.stderr).not.toContain('fine-tuning');
  });

  it('says what is wrong with a file', async () => {
    await writeFile(file, 'name: x\n');
    const result = await run();
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/toy\.yaml:1: title: /);
    const missing = await runCommand(['experiment', join(folder, 'none.yaml')]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('must be an experiment file, cannot be read');
  });

  it('trains adapters and merges them as adapters, where its training says so', async () => {
    await writeExperiment({
      seeds: '[1]',
      training: '{ epochs: 1, batchSize: 8, learningRate: 1e-2, lora: { rank: 2 } }',
      methods: `
  - { label: Simple, method: simple }
  - { label: RegMean from weights, method: regmean, covariance: weights }`,
      settings: '[single, all]',
      sweeps: null,
      matching: null,
    });
    const result = await runCommand([
      ...['experiment', file, '--out', join(folder, 'adapters'), '--threads', '1'],
    ]);
    expect(result, result.stderr).toMatchObject({ code: 0 });
    const report = await readFile(join(folder, 'adapters', 'results.json'), 'utf8');
    const { measurements }: ExperimentResults = JSON.parse(report);
    expect(measurements.map(({ method, setting }) => `${method} ${setting}`)).toEqual(
      expect.arrayContaining(['Simple all', 'RegMean from weights all']),
    );
    for (const { scores } of measurements) expect(Object.keys(scores).length).toBeGreaterThan(0);
    const [contribution = ''] = await readdir(join(folder, 'adapters', 'cache', 'contributions'));
    expect(await readdir(join(folder, 'adapters', 'cache', 'contributions', contribution))).toContain(
      'adapter_model.safetensors',
    );
  });
});
