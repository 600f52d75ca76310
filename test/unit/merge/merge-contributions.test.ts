import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { writeContribution } from '../../../shared/contribution/write-contribution.ts';
import { sha256OfFile } from '../../../shared/files/checksum.ts';
import { createRunContext, type ProgressEvent } from '../../../shared/runtime/run-context.ts';
import { openSafetensors } from '../../../shared/safetensors/open-safetensors.ts';
import { type TensorToWrite, writeSafetensors } from '../../../shared/safetensors/write-safetensors.ts';
import { type ContributionFolder, writeContributionFolder } from '../../support/contribution-folder.ts';
import { modelWriter } from '../../support/model-writer.ts';
import { oneThread, quietContext } from '../../support/run-context.ts';

let root: string;
let out: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-merge-'));
  out = join(root, 'fused');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const tensor = (name: string, shape: number[], ...values: number[]): TensorToWrite => ({
  name,
  shape,
  data: Float32Array.from(values),
});

/** A linear layer of two inputs and one output with its bias, in two versions. */
const north = (): ContributionFolder => ({
  tensors: [tensor('dense.weight', [1, 2], 1, 2), tensor('dense.bias', [1], 10)],
  grams: [tensor('dense', [2, 2], 3, 1, 1, 1)],
});
const south = (): ContributionFolder => ({
  tensors: [tensor('dense.weight', [1, 2], 5, -2), tensor('dense.bias', [1], 20)],
  grams: [tensor('dense', [2, 2], 1, 0, 0, 2)],
});

const write = (name: string, content: ContributionFolder): Promise<string> =>
  writeContributionFolder(join(root, name), content);
const writeBoth = async (
  a: ContributionFolder = north(),
  b: ContributionFolder = south(),
): Promise<string[]> => [await write('north', a), await write('south', b)];

async function merge(folders: readonly string[], options: Partial<MergeOptions> = {}) {
  return mergeContributions(folders, { method: 'regmean', out, ...options }, quietContext);
}

async function merged(name: string): Promise<number[]> {
  const file = await openSafetensors(join(out, 'model.safetensors'));
  const { data } = await file.readFloat32(name);
  await file.close();
  return [...data];
}

/** What a merge is refused with, the temporary folder left out. */
async function refusal(
  folders: readonly string[],
  options: Partial<MergeOptions> = {},
): Promise<{ code: string; message: string }> {
  const error = await merge(folders, options).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: 'RegmeanError' });
  const { code, message } = error as { code: string; message: string };
  return { code, message: message.replaceAll(`${root}/`, '') };
}

describe('regmean', () => {
  it('solves the normal equations: W = (G1 + G2)^-1 (G1 W1 + G2 W2)', async () => {
    await merge(await writeBoth(), { alpha: 1 });
    // (4 1; 1 3) w = (3 1; 1 1)(1, 2) + (1 0; 0 2)(5, -2) = (10, -1)
    expect(await merged('dense.weight')).toEqual([31 / 11, -14 / 11].map(Math.fround));
    expect(await merged('dense.bias')).toEqual([15]);
  });

  it('shrinks the off-diagonal entries by alpha', async () => {
    await merge(await writeBoth(), { alpha: 0 });
    // (3 + 1) w1 = 3 * 1 + 1 * 5, (1 + 2) w2 = 1 * 2 + 2 * -2
    expect(await merged('dense.weight')).toEqual([2, -2 / 3].map(Math.fround));
  });

  it('weighs contributions by coefficients, of which only the ratios matter', async () => {
    const folders = await writeBoth();
    const report = await merge(folders, { alpha: 0, coefficients: [6, 2] });
    expect(report.agents.map(({ coefficient }) => coefficient)).toEqual([0.75, 0.25]);
    // (9 + 1) w1 = 9 * 1 + 1 * 5, (3 + 2) w2 = 3 * 2 + 2 * -2
    expect(await merged('dense.weight')).toEqual([1.4, 0.4].map(Math.fround));
    expect(await merged('dense.bias')).toEqual([12.5]);
  });

  it('uses means of the Grams, or their sums when asked to', async () => {
    const folders = await writeBoth({ ...north(), rows: { dense: 1 } }, { ...south(), rows: { dense: 2 } });
    await merge(folders, { alpha: 0, gramScale: 'sum' });
    expect(await merged('dense.weight')).toEqual([2, -2 / 3].map(Math.fround));
    await merge(folders, { alpha: 0 });
    // (3 + 0.5) w1 = 3 * 1 + 0.5 * 5, (1 + 1) w2 = 1 * 2 + 1 * -2
    expect(await merged('dense.weight')).toEqual([11 / 7, 0].map(Math.fround));
  });

  it('keeps the mean for inputs that never were active, and says so', async () => {
    const dead = (content: ContributionFolder, active: number): ContributionFolder => ({
      ...content,
      grams: [tensor('dense', [2, 2], active, 0, 0, 0)],
    });
    const report = await merge(await writeBoth(dead(north(), 1), dead(south(), 3)));
    expect(await merged('dense.weight')).toEqual([4, 0]);
    expect(report.groups).toMatchObject([{ name: 'dense', deadInputs: 1, jitter: 0, relativeResidual: 0 }]);
    expect(await readFile(join(out, 'README.md'), 'utf8')).toContain('| `dense` | 2 | 1 | none |');
  });

  it('keeps the mean in directions without data, and says so', async () => {
    const flat = (content: ContributionFolder): ContributionFolder => ({
      ...content,
      grams: [tensor('dense', [2, 2], 1, 1, 1, 1)],
    });
    const report = await merge(await writeBoth(flat(north()), flat(south())), { alpha: 1 });
    const [first = 0, second = 0] = await merged('dense.weight');
    expect(first).toBeCloseTo(3, 6);
    expect(second).toBeCloseTo(0, 6);
    expect(report.groups[0]?.jitter).toBeGreaterThan(0);
  });

  it('solves layers that share a Gram as one system', async () => {
    const model = join(root, 'model');
    const folders: string[] = [];
    for (const [agent, scale] of [
      ['north', 1],
      ['south', 3],
    ] as const) {
      await writeContributionFolder(model, {
        tensors: [
          tensor('query.weight', [1, 2], scale, 2 * scale),
          tensor('middle', [2], 1, 2),
          tensor('key.weight', [2, 2], scale, 0, 0, -scale),
        ],
      });
      folders.push(join(root, agent));
      await writeContribution(join(root, agent), {
        writeModel: modelWriter(model),
        grams: [{ name: 'query', dimension: 2, rows: 4, packed: Float32Array.of(2 * scale, 1, 3) }],
        layers: new Map([
          ['query', 'query'],
          ['key', 'query'],
        ]),
        manifest: {
          agent,
          baseFingerprint: 'ab'.repeat(32),
          task: 'text-classification',
          labels: ['no', 'yes'],
          trainingExamples: 7,
          metrics: { accuracy: 0.75 },
          tool: 'regmean/test',
        },
      });
    }
    const report = await merge(folders, { alpha: 0 });
    expect(report.groups).toMatchObject([
      { name: 'query', layers: ['query', 'key'], dimension: 2, outputs: 3, rows: [4, 4] },
    ]);
    // Input 1 has weights 2 and 6 of 8, input 2 has equal ones; scales are 1 and 3.
    expect(await merged('query.weight')).toEqual([2.5, 4]);
    expect(await merged('key.weight')).toEqual([2.5, 0, 0, -2]);
    expect(report.agents[0]).toEqual({
      agent: 'north',
      coefficient: 0.5,
      rows: { min: 4, max: 4 },
      inputsFrom: null,
      trainingExamples: 7,
      metrics: { accuracy: 0.75 },
    });
    expect(report).toMatchObject({ baseFingerprint: 'ab'.repeat(32), task: 'text-classification' });
  });

  it('merges weights stored as [in, out], as Conv1D of GPT-2 does', async () => {
    const module = 'transformer.h.0.mlp.c_fc';
    const conv = (content: ContributionFolder): ContributionFolder => ({
      config: { model_type: 'gpt2', vocab_size: 3, n_embd: 2, n_inner: 1, n_layer: 1, n_head: 1 },
      tensors: content.tensors.map((entry) => ({
        ...entry,
        name: entry.name.replace('dense', module),
        shape: [...entry.shape].reverse(),
      })),
      grams: (content.grams ?? []).map((entry) => ({ ...entry, name: module })),
    });
    await merge(await writeBoth(conv(north()), conv(south())), { alpha: 1 });
    expect(await merged(`${module}.weight`)).toEqual([31 / 11, -14 / 11].map(Math.fround));
  });

  it('averages a module whose weight is tied to another', async () => {
    const tied = (content: ContributionFolder): ContributionFolder => ({
      ...content,
      grams: [...(content.grams ?? []), tensor('decoder', [2, 2], 1, 0, 0, 1)],
    });
    const report = await merge(await writeBoth(tied(north()), tied(south())));
    expect(report.groups.map(({ name }) => name)).toEqual(['dense']);
  });

  it('refuses contributions without Grams, or with Grams of other layers', async () => {
    const { grams, ...bare } = south();
    expect(await refusal(await writeBoth(north(), bare))).toEqual({
      code: 'invalid-input',
      message: 'south: regmean needs Grams, south has no grams.safetensors',
    });
    const other = [...(grams ?? []), tensor('extra', [1, 1], 1)];
    const message = 'grams.safetensors: no Gram of layer extra; ';
    expect((await refusal(await writeBoth(north(), { ...bare, grams: other }))).message).toBe(
      `north/${message}south has one, north not`,
    );
    expect((await refusal(await writeBoth({ ...north(), grams: other }, south()))).message).toBe(
      `south/${message}north has one, south not`,
    );
  });

  it('refuses a Gram that does not fit the weight', async () => {
    const grams = [tensor('dense', [1, 1], 1)];
    expect((await refusal(await writeBoth(north(), { ...south(), grams }))).message).toBe(
      'south/grams.safetensors: Gram dense of dimension 1 does not fit dense.weight [1, 2]',
    );
  });

  it('refuses Grams that no data has, naming the layer', async () => {
    const grams = [tensor('dense', [2, 2], -9, 0, 0, 1)];
    expect(await refusal(await writeBoth(north(), { ...south(), grams }))).toEqual({
      code: 'numerical',
      message: 'layer dense: diagonal must be finite and not negative, entry 0 is -3',
    });
  });
});

describe('simple', () => {
  it('averages every parameter and needs no Grams', async () => {
    const { grams: _, ...bare } = south();
    const report = await merge(await writeBoth(north(), bare), { method: 'simple', coefficients: [1, 3] });
    expect(await merged('dense.weight')).toEqual([4, -1]);
    expect(await merged('dense.bias')).toEqual([17.5]);
    expect(report).toMatchObject({
      method: 'simple',
      alpha: null,
      parameters: { solved: 0, averaged: 2, excluded: [] },
      groups: [],
    });
  });
});

describe('exclude', () => {
  it("keeps the base's values of parameters that match", async () => {
    const base = await write('base', { tensors: [tensor('dense.bias', [1], 7)] });
    const report = await merge(await writeBoth(), { exclude: ['bias$'], base });
    expect(await merged('dense.bias')).toEqual([7]);
    expect(report.parameters).toEqual({
      solved: 1,
      combined: 0,
      averaged: 0,
      excluded: ['dense.bias'],
      patterns: { include: [], exclude: ['bias$'], average: [] },
      averagedLayers: [],
      unusedGrams: [],
    });
  });

  it('refuses patterns without a base, without a match, and that are no regular expressions', async () => {
    const folders = await writeBoth();
    expect(await refusal(folders, { exclude: ['bias'] })).toEqual({
      code: 'usage',
      message: "dense.bias: keeps the base's value, but no base is given",
    });
    expect((await refusal(folders, { exclude: ['^bias'] })).message).toBe(
      'exclude: must match a parameter, ^bias matches none',
    );
    expect((await refusal(folders, { exclude: ['('] })).message).toBe(
      'exclude: must be a regular expression, got (',
    );
  });

  it('refuses a base without the parameter, or with another shape', async () => {
    const folders = await writeBoth();
    const base = await write('base', { tensors: [tensor('dense.weight', [2, 1], 1, 1)] });
    expect((await refusal(folders, { exclude: ['bias'], base })).message).toBe(
      'base: no parameter dense.bias, which is excluded',
    );
    expect((await refusal(folders, { exclude: ['weight'], base })).message).toBe(
      'base: parameter dense.weight must be [1, 2] as for north, got [2, 1]',
    );
  });
});

describe('the output folder', () => {
  it('is a Hugging Face folder with tokenizer, model card and report', async () => {
    const folders = await writeBoth();
    await writeFile(join(root, 'north', 'tokenizer.json'), '{"version":"1.0"}');
    await writeFile(join(root, 'north', 'data.jsonl'), 'private');
    const config = {
      model_type: 'custom',
      id2label: { 0: 'no', 1: 'yes' },
      _name_or_path: '/home/north/private',
      torch_dtype: 'float16',
    };
    await writeFile(join(root, 'north', 'config.json'), JSON.stringify(config));
    const report = await merge(folders);
    expect((await readdir(out)).sort()).toEqual([
      'README.md',
      'config.json',
      'merge-report.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
    expect(JSON.parse(await readFile(join(out, 'merge-report.json'), 'utf8'))).toEqual(report);
    expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))).toEqual({
      model_type: 'custom',
      id2label: { 0: 'no', 1: 'yes' },
      torch_dtype: 'float32',
    });
    const card = await readFile(join(out, 'README.md'), 'utf8');
    expect(card).toMatch(/^---\nlibrary_name: transformers\n/);
    expect(card).toContain(await sha256OfFile(join(out, 'model.safetensors')));
    expect(card).toContain('| alpha | 0.9 |');
  });

  it('has the parameters in the order of the first contribution, in float32, and its integer buffers', async () => {
    const mixed = (content: ContributionFolder): ContributionFolder => ({
      ...content,
      tensors: [
        { name: 'position_ids', shape: [2], data: BigInt64Array.of(0n, 1n) },
        ...content.tensors.map((entry) => ({ ...entry, dtype: 'F16' as const })).reverse(),
      ],
    });
    await merge(await writeBoth(mixed(north()), south()), { method: 'simple' });
    const file = await openSafetensors(join(out, 'model.safetensors'));
    expect([...file.tensors].map(([name, { dtype }]) => `${name} ${dtype}`)).toEqual([
      'position_ids I64',
      'dense.bias F32',
      'dense.weight F32',
    ]);
    expect(await file.readFloat64('position_ids')).toEqual(Float64Array.of(0, 1));
    await file.close();
  });

  it('is the same, bit for bit, when it is made again, and replaces an earlier merge', async () => {
    const folders = await writeBoth();
    const checksums = async (): Promise<string[]> =>
      Promise.all((await readdir(out)).sort().map((name) => sha256OfFile(join(out, name))));
    await merge(folders);
    const first = await checksums();
    await writeFile(join(out, 'left-over.txt'), '');
    await merge(folders);
    expect(await checksums()).toEqual(first);
  });

  it('is not written over a folder that holds something else', async () => {
    await mkdir(out);
    await writeFile(join(out, 'thesis.txt'), '');
    expect(await refusal(await writeBoth())).toEqual({
      code: 'usage',
      message: 'fused: must be a new or empty folder or an earlier merge, holds thesis.txt',
    });
    expect(await readdir(out)).toEqual(['thesis.txt']);
  });

  it('does not appear when the merge fails', async () => {
    const broken = {
      ...south(),
      tensors: [tensor('dense.weight', [1, 2], 1, Number.NaN), tensor('dense.bias', [1], 1)],
    };
    expect((await refusal(await writeBoth(north(), broken))).message).toBe(
      'south: parameter dense.weight must be finite, is not',
    );
    expect((await readdir(root)).sort()).toEqual(['north', 'south']);
  });
});

describe('mergeContributions', () => {
  it('reports progress in weights', async () => {
    const seen: ProgressEvent[] = [];
    const options = { method: 'regmean', out } as const;
    const context = createRunContext({ compute: oneThread, onProgress: (event) => seen.push(event) });
    await mergeContributions(await writeBoth(), options, context);
    const work = { label: 'merging', total: 3, unit: 'weights' };
    expect(seen).toEqual([
      { ...work, remark: 'dense', done: 0, finished: false },
      { ...work, remark: 'dense.bias', done: 2, finished: false },
      { ...work, remark: 'model.safetensors', done: 3, finished: false },
      { ...work, remark: out, done: 3, finished: true },
    ]);
  });

  it('refuses models whose labels, parameters or shapes differ, naming the agents', async () => {
    const bert = (...labels: string[]) => ({
      model_type: 'bert',
      id2label: Object.fromEntries(labels.entries()),
    });
    const known = { ...north(), config: bert('no', 'yes') };
    expect(await refusal(await writeBoth(known, { ...south(), config: bert('no', 'maybe') }))).toEqual({
      code: 'invalid-input',
      message: 'north: north: config.json: vocab_size must be given',
    });
    const surplus = { ...south(), tensors: [...south().tensors, tensor('extra', [1], 1)] };
    expect((await refusal(await writeBoth(north(), surplus))).message).toBe(
      'parameter extra: south has it, north not',
    );
    expect((await refusal(await writeBoth(surplus, north()))).message).toBe(
      'parameter extra: north has it, south not',
    );
    const wide = {
      ...south(),
      tensors: [tensor('dense.weight', [2, 1], 1, 1), tensor('dense.bias', [1], 1)],
    };
    expect((await refusal(await writeBoth(north(), wide))).message).toBe(
      'parameter dense.weight: shapes must be equal, north has [1, 2], south has [2, 1]',
    );
  });

  it('refuses the same contribution twice, and none', async () => {
    const [folder = ''] = await writeBoth();
    expect((await refusal([folder, folder])).message).toBe(
      'contributions: agents must differ, north is north and north',
    );
    expect((await refusal([])).message).toBe('merge: needs at least one contribution, got none');
  });

  it('refuses options out of range', async () => {
    const folders = await writeBoth();
    expect((await refusal(folders, { alpha: 1.5 })).message).toBe('alpha: must be between 0 and 1, got 1.5');
    expect((await refusal(folders, { coefficients: [1] })).message).toBe(
      'coefficients: must be one per contribution (2), got 1',
    );
    expect((await refusal(folders, { coefficients: [1, -1] })).message).toBe(
      'coefficients: must be positive numbers, got 1, -1',
    );
  });

  it('reads sharded models', async () => {
    const folders = await writeBoth();
    await rm(join(root, 'south', 'model.safetensors'));
    const [weight, bias] = south().tensors as [TensorToWrite, TensorToWrite];
    await writeSafetensors(join(root, 'south', 'a.safetensors'), [weight]);
    await writeSafetensors(join(root, 'south', 'b.safetensors'), [bias]);
    await writeFile(
      join(root, 'south', 'model.safetensors.index.json'),
      JSON.stringify({ weight_map: { 'dense.weight': 'a.safetensors', 'dense.bias': 'b.safetensors' } }),
    );
    await merge(folders, { method: 'simple' });
    expect(await merged('dense.bias')).toEqual([15]);
  });
});
