import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExperimentResults, Measurement } from '../../deploy/experiment/results.ts';
import { writeTinyLayersModel } from '../support/tiny-layers-model.ts';
import { toyRows, writeRows } from '../support/tiny-model.ts';
import { type ProcessResult, runCommand } from '../support/wire-process.ts';

const task = 'text-classification';
const agents = ['north', 'south'];
let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-experiment-formats-'));
  const encoder = fileURLToPath(new URL('../fixtures/onnx/encoder.onnx', import.meta.url));
  await copyFile(encoder, at('encoder.onnx'));
  await writeTinyLayersModel(at('layers'));
  for (const [index, name] of [...agents, 'away'].entries()) {
    for (const part of ['train', 'dev', 'test']) {
      const rows = toyRows(task, 40, 3 * index + part.length);
      const named = rows.map(({ label, ...row }) => ({
        ...row,
        [name === 'south' ? 'grade' : 'label']: label,
      }));
      await writeRows(at(`${name}-${part}.jsonl`), named);
    }
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs an experiment on a base that is no Hugging Face folder. */
async function experiment(
  base: string,
  sections: readonly string[],
  { labels = 'cold, warm', learningRate = 2e-2 } = {},
): Promise<ProcessResult> {
  const domains = agents.map(
    (name) =>
      `    - { name: ${name}, train: [${name}-train.jsonl], dev: [${name}-dev.jsonl], test: [${name}-test.jsonl]` +
      `${name === 'south' ? ', labelColumn: grade' : ''} }`,
  );
  await writeFile(
    at(`${base}.yaml`),
    [
      `name: ${base}\ntitle: Toy data\nbase: ${base}`,
      `data:\n  task: ${task}\n  labels: [${labels}]\n  domains:\n${domains.join('\n')}`,
      '  outOfDomain: [{ name: away, test: [away-test.jsonl] }]',
      `training: { epochs: 8, batchSize: 8, learningRate: ${learningRate} }`,
      ...sections,
      '',
    ].join('\n'),
  );
  return runCommand(['experiment', at(`${base}.yaml`), '--out', at(`${base}-out`), '--threads', '1']);
}

async function measurementsOf(base: string): Promise<readonly Measurement[]> {
  const text = await readFile(join(at(`${base}-out`), 'results.json'), 'utf8');
  return (JSON.parse(text) as ExperimentResults).measurements;
}

describe('an experiment on an ONNX network', () => {
  it('fine-tunes it, merges by every method, matches neurons and scores', async () => {
    const sections = [
      'statistics: { fisher: { examples: 8 } }',
      'settings: [single, multi-task, all]',
      'methods: [{ label: Simple, method: simple }, { label: Fisher, method: fisher }, { label: RegMean, method: regmean }]',
      'matching: { agents: [north, south], by: [activations] }',
    ];
    const result = await experiment('encoder.onnx', sections, { learningRate: 5e-3 });
    expect(result, result.stderr).toMatchObject({ code: 0 });
    const measured = await measurementsOf('encoder.onnx');
    expect(measured.map(({ setting, method }) => `${setting} ${method}`)).toEqual([
      'single single',
      'single single',
      'multi-task multi-task',
      ...['Simple', 'Fisher', 'RegMean', 'ensemble'].map((method) => `all ${method}`),
      ...['Simple', 'Fisher', 'RegMean', 'Simple', 'Fisher', 'RegMean'].map((method) => `matching ${method}`),
    ]);
    const merged = measured.find(({ setting, method }) => setting === 'all' && method === 'RegMean');
    expect(Object.keys(merged?.scores ?? {})).toEqual(['north', 'south', 'away']);
    expect(merged?.scores.away).toBeGreaterThan(0.7);
  });

  it('is refused before the first training where its outputs are not the classes of a domain', async () => {
    const methods = ['methods: [{ label: Simple, method: simple }]'];
    const { code, stderr } = await experiment('encoder.onnx', methods, { labels: 'cold, mild, warm' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/north: .*encoder\.onnx: has 2 outputs, got 3 classes/);
    expect(stderr).not.toContain('fine-tuning');
  });
});

describe('an experiment on a LayersModel', () => {
  const methods = 'methods: [{ label: Simple, method: simple }, { label: RegMean, method: regmean }]';

  it('fine-tunes it with TensorFlow.js, merges and scores', async () => {
    const result = await experiment('layers', ['sweeps: { alpha: [0, 1] }', methods]);
    expect(result, result.stderr).toMatchObject({ code: 0 });
    const measured = await measurementsOf('layers');
    expect(measured.map(({ setting, method, knob = '' }) => `${setting} ${method} ${knob}`.trim())).toEqual([
      'single single',
      'single single',
      'all Simple',
      'all RegMean',
      'all ensemble',
      'alpha RegMean 0',
      'alpha RegMean 1',
    ]);
    const merged = measured.find(({ setting, method }) => setting === 'all' && method === 'RegMean');
    expect(merged?.scores.away).toBeGreaterThan(0.7);
  });

  it('is run again where the same weights are in another network', async () => {
    const again = await experiment('layers', [methods]);
    expect(again.stderr).not.toContain('fine-tuning');
    const json = JSON.parse(await readFile(at('layers/model.json'), 'utf8'));
    const [left] = json.modelTopology.config.layers.filter(({ name }: { name: string }) => name === 'left');
    left.config.activation = 'relu';
    await writeFile(at('layers/model.json'), JSON.stringify(json));
    const changed = await experiment('layers', [methods]);
    expect(changed.stderr).toContain('fine-tuning north');
  });

  it.each([
    [
      'methods: [{ label: By Fisher, method: fisher }]',
      'have no Fisher information, which By Fisher of methods',
    ],
    [
      'methods: [{ label: By norms, method: regmean, vectors: norms }]',
      'have no sums of normalisation layers, which By norms of methods',
    ],
    [`${methods}\nmatching: { agents: [north, south] }`, 'have no neurons that can be matched'],
    [
      `${methods}\nmatching: { agents: [north, west] }`,
      'matching.agents: must be among north, south, got west',
    ],
  ])('is refused before the first training: %s', async (section, message) => {
    const { code, stderr } = await experiment('layers', [section]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('fine-tuning');
  });
});
