import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type StatisticsOptions,
  statisticsDefaults,
} from '../../../../agent/statistics/statistics-options.ts';
import { collectStatistics } from '../../../../agent/steps/collect-statistics.ts';
import { baseIdentity } from '../../../../shared/contribution/base-identity.ts';
import { readManifest } from '../../../../shared/contribution/manifest.ts';
import { openGrams } from '../../../../shared/contribution/open-grams.ts';
import { writeTrainingRecord } from '../../../../shared/contribution/training-record.ts';
import { validateContribution } from '../../../../shared/contribution/validate-contribution.ts';
import { baseFingerprint } from '../../../../shared/formats/base-fingerprint.ts';
import { loadModel } from '../../../../shared/formats/load-model.ts';
import type { Value } from '../../../../shared/graph/graph.ts';
import { findLinearLayers } from '../../../../shared/models/linear-layers.ts';
import { createModel, saveModel } from '../../../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../../../shared/models/model-graph.ts';
import { createSession, type RunTensor } from '../../../../shared/runtime/session.ts';
import { oneThread, quietContext } from '../../../support/run-context.ts';
import { readWeights, tinyConfig, toyRows, writeRows, writeTinyBase } from '../../../support/tiny-model.ts';

const labels = ['cold', 'warm', 'unseen'];
const rows = toyRows('text-classification', 21, 4);
const tokens = rows.reduce((sum, { input_ids }) => sum + input_ids.length, 0);
const record = {
  task: 'text-classification',
  labels,
  seenLabels: ['cold', 'warm'],
  examples: 21,
  metrics: { accuracy: 0.75 },
} as const;

let folder: string;
let model: string;
let base: string;
let options: StatisticsOptions;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-statistics-'));
  base = await writeTinyBase(join(folder, 'base'));
  model = join(folder, 'model');
  await mkdir(model);
  await saveModel(model, createModel(tinyConfig, 'text-classification', labels, 8));
  const fingerprint = await baseFingerprint(base);
  await writeTrainingRecord(model, {
    ...record,
    labels,
    seenLabels: ['cold', 'warm'],
    baseFingerprint: fingerprint,
  });
  options = {
    ...statisticsDefaults,
    model,
    task: 'text-classification',
    dataFiles: [await writeRows(join(folder, 'rows.jsonl'), rows)],
    out: '',
    agent: 'north',
    batchSize: 4,
    shareMetrics: false,
  };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function collect(changes: Partial<StatisticsOptions> = {}) {
  const out = join(folder, `contribution-${count++}`);
  const result = await collectStatistics({ ...options, out, ...changes }, quietContext);
  return { ...result, out };
}

/**
 * The inputs of every linear layer of a model for one row by itself, without padding: module ->
 * [rows, inputs].
 */
async function activations(
  path: string,
  inputIds: readonly number[],
): Promise<Map<string, { width: number; data: Float32Array }>> {
  const loaded = await loadModel(path, { task: 'text-classification' });
  const built = buildModelGraph(loaded.model, { withLoss: false, dropoutSeed: null });
  const { groups } = findLinearLayers(built);
  for (const group of groups) built.graph.output(`input of ${group.name}`, group.inputs[0] as Value);
  const session = await createSession(built.graph, oneThread);
  const shape = [1, inputIds.length];
  const results = await session.run(
    new Map<string, RunTensor>([
      ...loaded.model.weights,
      ['input_ids', { shape, data: Int32Array.from(inputIds) }],
      ['attention_mask', { shape, data: new Int32Array(inputIds.length).fill(1) }],
      ['token_type_ids', { shape, data: new Int32Array(inputIds.length) }],
    ]),
  );
  await session.dispose();
  return new Map(
    groups.map(({ name }) => {
      const tensor = results.get(`input of ${name}`);
      return [name, { width: tensor?.shape.at(-1) ?? 0, data: tensor?.data as Float32Array }];
    }),
  );
}

/**
 * X^T X of every linear layer in float64, its packed upper triangle, one row of data after another.
 */
async function naiveGrams(path = model): Promise<Map<string, { packed: Float64Array; rows: number }>> {
  const grams = new Map<string, { packed: Float64Array; rows: number }>();
  for (const { input_ids } of rows) {
    for (const [name, { width, data }] of await activations(path, input_ids)) {
      const known = grams.get(name) ?? { packed: new Float64Array((width * (width + 1)) / 2), rows: 0 };
      for (let start = 0; start < data.length; start += width) {
        const x = data.subarray(start, start + width);
        let at = 0;
        for (let i = 0; i < width; i++) {
          for (let j = i; j < width; j++) {
            known.packed[at] = (known.packed[at] as number) + (x[i] as number) * (x[j] as number);
            at++;
          }
        }
        known.rows++;
      }
      grams.set(name, known);
    }
  }
  return grams;
}

/** Expects the Grams of a contribution to be those of a naive computation. */
async function expectGrams(
  out: string,
  expected: ReadonlyMap<string, { packed: Float64Array; rows: number }>,
): Promise<void> {
  const file = await openGrams(join(out, 'grams.safetensors'));
  expect([...file.grams.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { packed, rows: count }] of expected) {
    const gram = await file.readStored(name);
    const scale = packed.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    const off = packed.reduce((most, value, at) => Math.max(most, Math.abs(value - Number(gram[at]))), 0);
    expect(off / scale, name).toBeLessThan(1e-6);
    expect(file.grams.get(name)?.rows, name).toBe(count);
  }
  await file.close();
}

describe('collectStatistics', () => {
  it('gives the Grams that a naive float64 computation without padding gives', async () => {
    const { out } = await collect();
    await expectGrams(out, await naiveGrams());
  });

  it('gives factors of low rank, and of single tokens the diagonal alone, where asked for', async () => {
    const expected = await naiveGrams();
    const { out } = await collect({ gramForm: { form: 'factored', rank: 3, tokenForm: 'diagonal' } });
    const file = await openGrams(join(out, 'grams.safetensors'));
    const ranks = new Map<string, number>();
    for (const [name, { packed }] of expected) {
      const { factor, diagonal } = await file.readFactored(name);
      ranks.set(name, factor.rows);
      const size = diagonal.length;
      const scale = packed.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
      for (let i = 0, at = 0; i < size; at += size - i, i++) {
        expect(Math.abs((diagonal[i] as number) - (packed[at] as number)) / scale, name).toBeLessThan(1e-6);
      }
    }
    await file.close();
    const query = 'bert.encoder.layer.0.attention.self.query';
    expect([...ranks].filter(([, rank]) => rank !== 3)).toEqual([[query, 0]]);
    const all = await collect({ gramForm: { form: 'diagonal', rank: 1, tokenForm: 'dense' } });
    const mixed = await openGrams(join(all.out, 'grams.safetensors'));
    expect(
      [...mixed.grams].filter(([, { storage }]) => storage !== 'factored').map(([name]) => name),
    ).toEqual([query]);
    await mixed.close();
  });

  it('gives the Grams of what layers read in a merged model, beside the own weights', async () => {
    const merged = join(folder, 'merged');
    await mkdir(merged);
    // It knows a class more, as a merge with others' does.
    await saveModel(merged, createModel(tinyConfig, 'text-classification', [...labels, 'hot'], 9));
    const { out } = await collect({ inputsFrom: merged });
    await expectGrams(out, await naiveGrams(merged));
    const [sent, own] = [await readWeights(out), await readWeights(model)];
    expect(sent).toEqual(own);
    const { labels: told, statistics } = await readManifest(out);
    expect(told).toEqual(labels);
    expect(statistics?.inputsFrom).toBe(await baseFingerprint(merged));
  });

  it('gives sums of normalisation layers, with Grams or without, and of a merged model like these', async () => {
    const merged = join(folder, 'merged-norms');
    await mkdir(merged);
    await saveModel(merged, createModel(tinyConfig, 'text-classification', labels, 9));
    const norms = async (changes: Partial<StatisticsOptions>) => {
      const { out, ...result } = await collect({ norms: true, ...changes });
      return { ...result, bytes: await readFile(join(out, 'norms.safetensors')), out };
    };
    const both = await norms({});
    expect(both).toMatchObject({ grams: 6, normLayers: 3 });
    const alone = await norms({ grams: false });
    expect(alone).toMatchObject({ grams: 0, linearLayers: 0, normLayers: 3, tokens });
    expect(alone.bytes.equals(both.bytes)).toBe(true);
    expect(await readdir(alone.out)).not.toContain('grams.safetensors');
    expect((await readManifest(alone.out)).statistics).toMatchObject({ tokens });
    const there = await norms({ inputsFrom: merged });
    expect(there.bytes.equals(both.bytes)).toBe(false);
    expect(there.bytes.equals((await norms({ model: merged, base })).bytes)).toBe(true);
    expect(await readdir((await collect()).out)).not.toContain('norms.safetensors');
  });

  it('gives output Grams of the model itself, with Grams or without, which a round may ask for', async () => {
    const outputGrams = { variant: 'empirical', examples: 3 } as const;
    const both = await collect({ outputGrams });
    expect(both).toMatchObject({ grams: 6, outputGramsExamples: 3 });
    expect((await readManifest(both.out)).outputGrams).toEqual(outputGrams);
    const wanted = { grams: true, outputGrams: true };
    await expect(validateContribution(both.out, wanted)).resolves.toMatchObject({ agent: 'north' });
    const alone = await collect({ outputGrams, grams: false });
    const [first, second] = await Promise.all(
      [both, alone].map(({ out }) => readFile(join(out, 'output-grams.safetensors'))),
    );
    expect(first?.equals(second as Buffer)).toBe(true);
    expect(await readdir(alone.out)).not.toContain('grams.safetensors');
    const without = await collect();
    await expect(validateContribution(without.out, wanted)).rejects.toThrow(
      `${without.out}: must hold output Grams`,
    );
  });

  it('refuses inputs of another network, of another function, or without Grams', async () => {
    const other = join(folder, 'other');
    await mkdir(other);
    await saveModel(
      other,
      createModel({ ...tinyConfig, num_hidden_layers: 2 }, 'text-classification', labels, 9),
    );
    await expect(collect({ inputsFrom: other })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(
        /^--inputs-from: .*other must be a merge of models like .*model, differs in/,
      ),
    });
    const wider = join(folder, 'heads');
    await mkdir(wider);
    await saveModel(
      wider,
      createModel({ ...tinyConfig, num_attention_heads: 4 }, 'text-classification', labels, 9),
    );
    await expect(collect({ inputsFrom: wider })).rejects.toMatchObject({
      message: expect.stringContaining('differs in num_attention_heads: 4, not 2'),
    });
    await expect(collect({ inputsFrom: wider, grams: false })).rejects.toMatchObject({
      message: '--inputs-from: needs Grams, got --no-grams',
    });
  });

  it('counts a row per token, and a row per example where only the first token is read', async () => {
    const { out, ...result } = await collect();
    expect(result).toMatchObject({ grams: 6, linearLayers: 8, examples: 21, tokens, batches: 6 });
    const file = await openGrams(join(out, 'grams.safetensors'));
    const rowsOf = (name: string) => file.grams.get(name)?.rows;
    expect(rowsOf('bert.encoder.layer.0.attention.self.query')).toBe(tokens);
    expect(rowsOf('bert.pooler.dense')).toBe(21);
    expect(rowsOf('classifier')).toBe(21);
    await file.close();
  });

  it('counts padding when asked to, as many rows as batches are wide; alone no example is padded', async () => {
    const rowsOf = async (changes: Partial<StatisticsOptions>) => {
      const { out } = await collect(changes);
      const file = await openGrams(join(out, 'grams.safetensors'));
      const query = 'bert.encoder.layer.0.attention.self.query';
      const result = { rows: file.grams.get(query)?.rows ?? 0, gram: await file.readStored(query) };
      await file.close();
      return result;
    };
    const lengths = rows.map(({ input_ids }) => input_ids.length);
    const wide = await rowsOf({ batchSize: rows.length, padding: 'included' });
    expect(wide.rows).toBe(rows.length * Math.max(...lengths));
    const narrow = await rowsOf({ batchSize: rows.length });
    // The diagonal holds sums of squares, to which every row of padding adds.
    expect(wide.gram[0]).toBeGreaterThan(narrow.gram[0] as number);
    const alone = await rowsOf({ batchSize: 1, padding: 'included' });
    expect(alone).toEqual(await rowsOf({ batchSize: 1 }));
  });

  it("counts the rows of DeBERTa's position table only when asked to, once per batch", async () => {
    const deberta = join(folder, 'deberta');
    await mkdir(deberta);
    const relative = { relative_attention: true, position_buckets: 4, pos_att_type: 'p2c|c2p' };
    const config = { ...tinyConfig, model_type: 'deberta-v2', share_att_key: true, ...relative };
    await saveModel(deberta, createModel(config, 'text-classification', labels, 8));
    const rowsOf = async (changes: Partial<StatisticsOptions>) => {
      const { out } = await collect({ model: deberta, base, ...changes });
      const file = await openGrams(join(out, 'grams.safetensors'));
      await file.close();
      return file.grams.get('deberta.encoder.layer.0.attention.self.query_proj')?.rows;
    };
    expect(await rowsOf({})).toBe(tokens);
    // Six batches of at most four examples, a table of twice four rows.
    expect(await rowsOf({ positionRows: 'included' })).toBe(tokens + 6 * 8);
  });

  it('reads no more than `batches` batches, others for another seed', async () => {
    const some = await collect({ batches: 2 });
    expect(some).toMatchObject({ batches: 2, examples: 8 });
    expect(some.tokens).toBeLessThan(tokens);
    expect((await readManifest(some.out)).statistics).toEqual({
      examples: 8,
      tokens: some.tokens,
      batches: 2,
    });
    const grams = (out: string) => readFile(join(out, 'grams.safetensors'));
    const other = await collect({ batches: 2, seed: 1 });
    expect((await grams(other.out)).equals(await grams(some.out))).toBe(false);
  });

  it('writes the same bytes again for the same model, data and options', async () => {
    const [first, second] = [await collect(), await collect()];
    for (const name of await readdir(first.out)) {
      const [one, two] = await Promise.all([first, second].map(({ out }) => readFile(join(out, name))));
      expect(two?.equals(one as Buffer), name).toBe(true);
    }
  });

  it('describes where the contribution comes from, and shares metrics only when asked to', async () => {
    const { out } = await collect();
    const manifest = await readManifest(out);
    expect(manifest).toMatchObject({
      agent: 'north',
      baseFingerprint: await baseFingerprint(base),
      task: 'text-classification',
      labels,
      seenLabels: ['cold', 'warm'],
      trainingExamples: 21,
      statistics: { examples: 21, tokens, batches: 6 },
    });
    expect(manifest.metrics).toEqual({});
    expect(Object.keys(manifest.files)).toEqual(['config.json', 'grams.safetensors', 'model.safetensors']);
    const open = await collect({ shareMetrics: true });
    expect((await readManifest(open.out)).metrics).toEqual({ accuracy: 0.75 });
  });

  it('lets nothing of the data into the contribution: no word, no path', async () => {
    const withWords = await writeTinyBase(join(folder, 'words'));
    const letters = [...'abcdefghijklmnopqrstuvwxyz'].flatMap((letter) => [letter, `##${letter}`]);
    await writeFile(
      join(withWords, 'vocab.txt'),
      ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...letters].join('\n'),
    );
    const config = { ...tinyConfig, vocab_size: 56 };
    await saveModel(withWords, createModel(config, 'text-classification', labels, 8));
    const file = join(folder, 'secretpatients.jsonl');
    await writeRows(file, [
      { text: 'zebedee swallowed', label: 'warm' },
      { text: 'quinine', label: 'cold' },
    ]);
    // What else lies in the model's folder stays there too.
    await writeFile(join(withWords, 'notes.txt'), 'zebedee');
    const { out } = await collect({ model: withWords, base, dataFiles: [file] });
    for (const name of await readdir(out)) {
      const bytes = await readFile(join(out, name));
      for (const secret of ['zebedee', 'swallowed', 'quinine', 'secretpatients', folder]) {
        expect(bytes.includes(secret), `${secret} in ${name}`).toBe(false);
      }
    }
  });

  it('asks for the base where the model has no record of its training, and takes it', async () => {
    const bare = join(folder, 'bare');
    await mkdir(bare);
    await saveModel(bare, createModel(tinyConfig, 'text-classification', labels, 8));
    await expect(collect({ model: bare })).rejects.toMatchObject({
      code: 'usage',
      message: `--base: needed, because ${bare} has no training.json`,
      hint: 'name the folder of the base model that it was fine-tuned from',
    });
    const { out } = await collect({ model: bare, base });
    const manifest = await readManifest(out);
    expect(manifest.baseFingerprint).toBe(await baseFingerprint(base));
    expect(manifest.seenLabels).toBeUndefined();
  });

  it('names the base as the record of the training does, also where another version wrote it', async () => {
    const former = join(folder, 'former');
    await mkdir(former);
    await saveModel(former, createModel(tinyConfig, 'text-classification', labels, 8));
    const record = {
      task: 'text-classification',
      labels: [...labels],
      baseFingerprint: 'ab'.repeat(32),
    } as const;
    await writeTrainingRecord(former, { ...record, labels: [...labels] });
    const carried = await readManifest((await collect({ model: former })).out);
    expect(carried).toMatchObject({ baseFingerprint: 'ab'.repeat(32) });
    expect(carried.baseFingerprintFormat).toBeUndefined();
    const anew = await readManifest((await collect({ model: former, base })).out);
    expect(anew).toMatchObject(await baseIdentity(base));
  });

  it('refuses another task than the model was fine-tuned for', async () => {
    await expect(collect({ task: 'regression' })).rejects.toThrow(
      `--task: ${model} was fine-tuned for text-classification, got regression`,
    );
  });

  it('refuses a folder that holds something before it reads any data', async () => {
    await expect(collect({ out: model, dataFiles: ['absent.jsonl'] })).rejects.toThrow(
      `${model}: must be a new or empty folder, holds config.json`,
    );
  });

  it('writes nothing when it is stopped', async () => {
    const out = join(folder, 'stopped');
    await expect(
      collectStatistics({ ...options, out }, { ...quietContext, signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({
      code: 'interrupted',
      message: 'collecting Grams: stopped at batch 1 of 6',
    });
    expect((await readdir(folder)).filter((name) => name.includes('stopped'))).toEqual([]);
  });
});
