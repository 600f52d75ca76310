import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectStatistics } from '../../../agent/steps/collect-statistics.ts';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { type MergeReport, mergeReportFile } from '../../../merger/merge/merge-report.ts';
import { openAdapterFactors } from '../../../shared/adapters/adapter-factors.ts';
import { writeFullModel } from '../../../shared/adapters/write-full-model.ts';
import { readManifest } from '../../../shared/contribution/manifest.ts';
import { readTrainingRecord } from '../../../shared/contribution/training-record.ts';
import type { Matrix } from '../../../shared/linalg/matrix.ts';
import { openSafetensors } from '../../../shared/safetensors/open-safetensors.ts';
import type { FloatTensor } from '../../../shared/tensor.ts';
import { randomTensor, writeAdapter } from '../../support/adapter-folder.ts';
import '../../support/allclose.ts';
import { quietContext } from '../../support/run-context.ts';
import { readWeights, tinyConfig, writeTinyBase } from '../../support/tiny-model.ts';
import { torchFixtureFolder } from '../../support/torch-fixture.ts';
import { naiveProduct } from '../linalg/naive.ts';

const task = 'text-classification';
const layers = ['attention.self.query', 'intermediate.dense', 'output.dense'].map(
  (name) => `bert.encoder.layer.0.${name}`,
);
/** Rank and alpha of the three adapters. */
const settings = [
  { r: 2, lora_alpha: 4 },
  { r: 3, lora_alpha: 3 },
  { r: 4, lora_alpha: 6 },
] as const;
const hidden = tinyConfig.hidden_size;
const modules = {
  task_type: 'SEQ_CLS',
  target_modules: ['query', 'intermediate.dense', 'layer.0.output.dense'],
  modules_to_save: ['classifier', 'pooler'],
};

let root: string;
let base: string;
let adapters: string[];
const at = (name: string): string => join(root, name);

/** A new head, and the pooler before it. */
function headOf(seed: number, classes: number): Readonly<Record<string, FloatTensor>> {
  return {
    'bert.pooler.dense.weight': randomTensor([hidden, hidden], seed),
    'bert.pooler.dense.bias': randomTensor([hidden], seed + 1),
    'classifier.weight': randomTensor([classes, hidden], seed + 2),
    'classifier.bias': randomTensor([classes], seed + 3),
  };
}

async function fixtureFactors(agent: number): Promise<Record<string, FloatTensor>> {
  const file = await openSafetensors(join(torchFixtureFolder('adapter-merge'), `agent-${agent}.safetensors`));
  const tensors: Record<string, FloatTensor> = {};
  for (const name of file.tensors.keys()) tensors[name] = await file.readFloat32(name);
  await file.close();
  return tensors;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-adapters-'));
  base = await writeTinyBase(at('base'));
  adapters = [];
  for (const [agent, own] of settings.entries()) {
    const tensors = { ...(await fixtureFactors(agent)), ...headOf(10 * agent, 3) };
    const config = { ...modules, ...own, base_model_name_or_path: '../base' };
    adapters.push(await writeAdapter(at(`agent-${agent}`), tensors, config));
  }
});
afterAll(() => rm(root, { recursive: true, force: true }));

type Options = Partial<MergeOptions> & Pick<MergeOptions, 'method'>;

async function merge(options: Options, folders: readonly string[] = adapters): Promise<MergeReport> {
  return mergeContributions(folders, { base, out: at('merged'), ...options }, quietContext, {
    checkFiles: true,
  });
}

/** B A of every weight that the merged adapter changes. */
async function mergedChanges(): Promise<ReadonlyMap<string, Matrix>> {
  const adapter = await openAdapterFactors(at('merged'), { base });
  const changes = new Map<string, Matrix>();
  for (const [weight, factors] of adapter.updates) {
    const { a, b } = await factors.read();
    changes.set(weight, naiveProduct(b, a));
  }
  await adapter.close();
  return changes;
}

/** What NumPy makes of the same adapters. */
async function expectChanges(method: string): Promise<void> {
  const expected = await openSafetensors(join(torchFixtureFolder('adapter-merge'), 'expected.safetensors'));
  const changes = await mergedChanges();
  for (const layer of layers) {
    const { rows, columns, data } = changes.get(`${layer}.weight`) as Matrix;
    const wanted = await expected.readFloat32(`${method}.${layer}`);
    const largest = Math.max(...wanted.data.map(Math.abs));
    expect({ shape: [rows, columns], data }).toBeAllclose(wanted, {
      rtol: 1e-5,
      atol: 1e-6 * largest,
      name: layer,
    });
  }
  await expected.close();
}

describe('a merge of adapters', () => {
  it.each([
    { method: 'simple' },
    { method: 'ties' },
    { method: 'model-stock' },
    { method: 'iso-c' },
    { method: 'tsv-merge' },
    { method: 'regmean', covariance: 'weights' },
  ] satisfies Options[])('by $method is that of the papers in the space of the factors', async (options) => {
    const report = await merge(options);
    expect(report.adapter).toEqual({ rank: 9, kept: 1 });
    await expectChanges(options.method);
  });

  it.each([
    { method: 'simple', coefficients: [0.5, 0.3, 0.2] },
    { method: 'simple', scale: 1.5 },
    { method: 'task-arithmetic', lambda: 0.4 },
    { method: 'simple', exclude: ['query'] },
  ] satisfies Options[])('by %o is the merge of the full models', async (options) => {
    const full: string[] = [];
    for (const [agent, adapter] of adapters.entries()) {
      const out = at(`full-${agent}`);
      await rm(out, { recursive: true, force: true });
      await writeFullModel({ adapter, base, task, out });
      full.push(out);
    }
    await mergeContributions(full, { base, out: at('of-models'), ...options }, quietContext);
    await merge(options);
    await rm(at('as-model'), { recursive: true, force: true });
    await writeFullModel({ adapter: at('merged'), base, task, out: at('as-model') });
    const [one, other] = [await readWeights(at('as-model')), await readWeights(at('of-models'))];
    expect([...one.keys()].sort()).toEqual([...other.keys()].sort());
    for (const [name, values] of other) {
      expect(one.get(name) as FloatTensor).toBeAllclose(values, { rtol: 1e-6, atol: 1e-6, name });
    }
  });

  it('keeps the largest part of the change where a lower rank is asked for', async () => {
    await merge({ method: 'simple' });
    const whole = await mergedChanges();
    const { adapter } = await merge({ method: 'simple', rank: 2 });
    const cut = await mergedChanges();
    let [left, all] = [0, 0];
    for (const [weight, { data }] of whole) {
      for (const [i, value] of data.entries()) {
        left += (value - (cut.get(weight)?.data[i] ?? 0)) ** 2;
        all += value ** 2;
      }
    }
    expect(adapter?.rank).toBe(2);
    expect(adapter?.kept).toBeLessThan(0.95);
    expect(adapter?.kept).toBeCloseTo(1 - left / all, 6);
  });

  it('is written as PEFT writes an adapter, with a report, a card and a record of base and classes', async () => {
    await merge({ method: 'simple' });
    expect((await readdir(at('merged'))).sort()).toEqual(
      [
        'README.md',
        'adapter_config.json',
        'adapter_model.safetensors',
        mergeReportFile,
        'training.json',
      ].sort(),
    );
    expect(JSON.parse(await readFile(at('merged/adapter_config.json'), 'utf8'))).toMatchObject({
      ...modules,
      ...{ r: 9, lora_alpha: 9, use_rslora: false, rank_pattern: {}, alpha_pattern: {} },
    });
    const file = await openSafetensors(at('merged/adapter_model.safetensors'));
    expect(file.tensors.get(`base_model.model.${layers[1]}.lora_A.weight`)?.shape).toEqual([9, 16]);
    expect(file.tensors.get(`base_model.model.${layers[1]}.lora_B.weight`)?.shape).toEqual([32, 9]);
    expect(file.tensors.has('base_model.model.classifier.weight')).toBe(true);
    await file.close();
    expect(await readFile(at('merged/README.md'), 'utf8')).toContain('library_name: peft');
    expect(await readTrainingRecord(at('merged'))).toMatchObject({
      task,
      labels: ['LABEL_0', 'LABEL_1', 'LABEL_2'],
    });
  });

  it('of contributions unites classes by name, each from the agents that know it', async () => {
    const folders: string[] = [];
    for (const [agent, labels] of [
      ['north', ['x', 'y', 'z']],
      ['south', ['z', 'w', 'y']],
    ] as const) {
      const out = at(`sent-${agent}`);
      const model = adapters[folders.length] as string;
      const what = { model, base, task, labels, agent, out, dataFiles: [] } as const;
      await collectStatistics(
        { ...what, shareMetrics: false, batches: 1, batchSize: 1, seed: 1 },
        quietContext,
      );
      expect((await readManifest(out)).labels).toEqual(labels);
      expect((await readdir(out)).sort()).toEqual([
        'adapter_config.json',
        'adapter_model.safetensors',
        'contribution.json',
      ]);
      folders.push(out);
    }
    const report = await merge({ method: 'simple' }, folders);
    expect(report.labels).toEqual(['x', 'y', 'z', 'w']);
    expect((await readTrainingRecord(at('merged'))).labels).toEqual(['x', 'y', 'z', 'w']);
    const file = await openSafetensors(at('merged/adapter_model.safetensors'));
    const { data } = await file.readFloat32('base_model.model.classifier.bias');
    await file.close();
    const [north, south] = [0, 10].map((seed) => headOf(seed, 3)['classifier.bias']?.data ?? []);
    const mean = (i: number, j: number): number => ((north?.[i] ?? 0) + (south?.[j] ?? 0)) / 2;
    const wanted = [north?.[0] ?? 0, mean(1, 2), mean(2, 0), south?.[1] ?? 0];
    for (const [row, value] of wanted.entries()) expect(data[row]).toBeCloseTo(value, 6);
  });

  it('gives the same bytes again', async () => {
    const bytes = (): Promise<Buffer> => readFile(at('merged/adapter_model.safetensors'));
    await merge({ method: 'ties' });
    const once = await bytes();
    await merge({ method: 'ties' });
    expect(await bytes()).toEqual(once);
  });
});

describe('what is no merge of adapters is refused', () => {
  const other = async (name: string, config: object, leftOut = ''): Promise<string> => {
    const own = Object.entries({ ...(await fixtureFactors(0)), ...headOf(1, 3) });
    const tensors = Object.fromEntries(
      own.filter(([tensor]) => leftOut === '' || !tensor.startsWith(leftOut)),
    );
    const all = { ...modules, ...settings[0], base_model_name_or_path: '../base', ...config };
    return writeAdapter(at(name), tensors, all);
  };
  const refusal = (folder: string, options: Options = { method: 'simple' }): Promise<string> =>
    merge(options, [adapters[0] as string, folder]).then(
      () => 'merged',
      (error: unknown) => String((error as Error).message),
    );

  it('other weights', async () => {
    const folder = await other('narrow', { target_modules: ['query', 'intermediate.dense'] }, layers[2]);
    expect(await refusal(folder)).toBe(
      `target_modules: must be the same, agent-0 changes ${layers[2]}.weight, narrow does not`,
    );
  });

  it('another base, by what adapters name and by fingerprint', async () => {
    await writeTinyBase(at('another'), { initializer_range: 0.3 });
    const folder = await other('elsewhere', { base_model_name_or_path: '../another' });
    expect(await refusal(folder, { method: 'simple', base: undefined })).toBe(
      `base: must be the same, agent-0 is an adapter of ${at('agent-0/../base')}, ` +
        `elsewhere of ${at('elsewhere/../another')}`,
    );
    const what = { model: folder, task, agent: 'west', out: at('sent-west'), dataFiles: [] } as const;
    await collectStatistics(
      { ...what, shareMetrics: false, batches: 1, batchSize: 1, seed: 1 },
      quietContext,
    );
    expect(await refusal(at('sent-west'))).toMatch(new RegExp(`^${base}: must be the base [0-9a-f]+, its`));
  });

  it('a model beside an adapter', async () => {
    expect(await refusal(base)).toBe(
      `contributions: must be adapters or models, got the adapter ${adapters[0]} and the model ${base}`,
    );
  });

  it.each([
    [{ use_dora: true }, 'use_dora must be absent where adapters are merged'],
    [{ alora_invocation_tokens: [1] }, 'alora_invocation_tokens must be absent, got [1]'],
    [{ peft_type: 'IA3' }, 'peft_type must be LORA, got IA3'],
  ])('%o', async (config, message) => {
    expect(await refusal(await other('special', config))).toContain(
      `special/adapter_config.json: ${message}`,
    );
  });

  it('a method that needs data, heads apart, and a rank of models', async () => {
    const folder = adapters[1] as string;
    expect(await refusal(folder, { method: 'regmean' })).toBe(
      'method: regmean needs Grams, adapters have none',
    );
    expect(await refusal(folder, { method: 'simple', heads: 'separate' })).toBe(
      'heads: must be united where adapters are merged, got separate',
    );
    await expect(merge({ method: 'simple', rank: 2 }, [base])).rejects.toThrow(
      'rank: needs adapters, got 2 with models',
    );
  });
});
