import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openContribution } from '../../../shared/contribution/open-contribution.ts';
import { readTrainingRecord, writeTrainingRecord } from '../../../shared/contribution/training-record.ts';
import { validateContribution } from '../../../shared/contribution/validate-contribution.ts';
import {
  type ContributionSource,
  describeFiles,
  writeContribution,
} from '../../../shared/contribution/write-contribution.ts';
import { writeGrams } from '../../../shared/contribution/write-grams.ts';
import { baseFingerprint } from '../../../shared/formats/base-fingerprint.ts';
import { writeSafetensors } from '../../../shared/safetensors/write-safetensors.ts';
import { modelWriter } from '../../support/model-writer.ts';

let root: string;
let model: string;
let target: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-contribution-'));
  model = join(root, 'model');
  target = join(root, 'contribution');
  await writeModel();
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function writeModel(): Promise<void> {
  await mkdir(model);
  await writeFile(join(model, 'config.json'), '{"model_type":"custom","id2label":{"0":"no","1":"yes"}}');
  await writeFile(join(model, 'vocab.txt'), '[PAD]\n');
  await writeFile(join(model, 'train.jsonl'), '{"text":"private"}');
  await writeSafetensors(join(model, 'model.safetensors'), [
    { name: 'query.weight', shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    { name: 'query.bias', shape: [3], data: Float32Array.of(1, 2, 3) },
    { name: 'key.weight', shape: [1, 2], data: Float32Array.of(7, 8) },
  ]);
}

const source = (): ContributionSource => ({
  writeModel: modelWriter(model),
  grams: [{ name: 'query', dimension: 2, rows: 4, packed: Float32Array.of(2, 1, 3) }],
  layers: new Map([
    ['query', 'query'],
    ['key', 'query'],
  ]),
  manifest: {
    agent: 'north',
    baseFingerprint: 'ab'.repeat(32),
    task: 'text-classification',
    labels: ['no', 'yes'],
    metrics: { accuracy: 0.75 },
    tool: 'regmean/test',
  },
});

/** Overwrites a file of the contribution and lists it with its true checksum. */
async function replaceFile(write: () => Promise<void>): Promise<void> {
  await write();
  const path = join(target, 'contribution.json');
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  manifest.files = await describeFiles(target);
  await writeFile(path, JSON.stringify(manifest));
}
const replaceWeights = (data: Float32Array, shape: number[] = [3, 2]): Promise<void> =>
  replaceFile(() =>
    writeSafetensors(join(target, 'model.safetensors'), [
      { name: 'query.weight', shape, data },
      { name: 'key.weight', shape: [1, 2], data: Float32Array.of(7, 8) },
    ]),
  );
const replaceGram = (packed: Float32Array, dimension = 2): Promise<void> =>
  replaceFile(() =>
    writeGrams(
      join(target, 'grams.safetensors'),
      [{ name: 'query', dimension, rows: 4, packed }],
      new Map([['query', 'query']]),
    ),
  );

describe('writeContribution', () => {
  it('copies the model and nothing else, and lists every file with its SHA-256', async () => {
    const manifest = await writeContribution(target, source());
    expect((await readdir(target)).sort()).toEqual([
      'config.json',
      'contribution.json',
      'grams.safetensors',
      'model.safetensors',
      'vocab.txt',
    ]);
    expect(manifest.files).toEqual(await describeFiles(target));
    expect(await validateContribution(target)).toEqual(manifest);
  });

  it('is read back by openContribution', async () => {
    await writeContribution(target, source());
    const contribution = await openContribution(target);
    expect(contribution.agent).toBe('north');
    expect(contribution.labels).toEqual(['no', 'yes']);
    expect((await contribution.weights.readFloat32('key.weight')).data).toEqual(Float32Array.of(7, 8));
    expect(await contribution.grams?.readSquare('query', { diagonal: 1, offDiagonal: 0.5 })).toEqual(
      Float64Array.of(2, 0.5, 0.5, 3),
    );
    await contribution.close();
  });

  it('refuses a folder that holds something', async () => {
    await writeContribution(target, source());
    await expect(writeContribution(target, source())).rejects.toThrow('must be a new or empty folder');
  });
});

describe('openContribution', () => {
  it('takes a plain Hugging Face folder, named by the folder', async () => {
    const contribution = await openContribution(model);
    expect(contribution.agent).toBe('model');
    expect(contribution.manifest).toBeUndefined();
    expect(contribution.grams).toBeUndefined();
    await contribution.close();
  });

  it('names a wrong field of the manifest', async () => {
    await writeContribution(target, source());
    await writeFile(join(target, 'contribution.json'), '{"format":"regmean-contribution/1","agent":""}');
    await expect(openContribution(target)).rejects.toThrow(/contribution\.json: agent: /);
  });
});

describe('validateContribution', () => {
  beforeEach(async () => {
    await writeContribution(target, source());
  });

  it('accepts what fits the round', async () => {
    await validateContribution(target, {
      agent: 'north',
      baseFingerprint: 'ab'.repeat(32),
      task: 'text-classification',
      labels: ['no', 'yes'],
      grams: true,
      tensors: new Map([
        ['query.weight', { shape: [3, 2] }],
        ['query.bias', { shape: [3] }],
        ['key.weight', { shape: [1, 2] }],
      ]),
    });
  });

  it('refuses another base, agent, task or other labels', async () => {
    const refusal = (expected: object): Promise<unknown> => validateContribution(target, expected);
    await expect(refusal({ baseFingerprint: 'cd'.repeat(32) })).rejects.toThrow(
      `base fingerprint must be ${'cd'.repeat(32)}, got ${'ab'.repeat(32)}`,
    );
    await expect(refusal({ agent: 'south' })).rejects.toThrow('agent must be south, got north');
    await expect(refusal({ task: 'regression' })).rejects.toThrow('task must be regression');
    await expect(refusal({ labels: ['yes', 'no'] })).rejects.toThrow(
      'labels must be ["yes","no"], got ["no","yes"]',
    );
  });

  it('refuses missing, surplus and misshapen tensors', async () => {
    const tensors = new Map([
      ['query.weight', { shape: [3, 2] }],
      ['query.bias', { shape: [3] }],
    ]);
    await expect(validateContribution(target, { tensors })).rejects.toThrow(
      'tensor key.weight is not one of the model',
    );
    tensors.set('value.weight', { shape: [1] });
    await expect(validateContribution(target, { tensors })).rejects.toThrow('tensor value.weight is missing');
    tensors.delete('value.weight');
    tensors.set('key.weight', { shape: [1, 2] });
    tensors.set('query.bias', { shape: [4] });
    await expect(validateContribution(target, { tensors })).rejects.toThrow(
      'tensor query.bias must have shape [4], got [3]',
    );
  });

  it('refuses a changed, missing or unlisted file', async () => {
    await writeFile(join(target, 'vocab.txt'), '[BAD]\n');
    await expect(validateContribution(target)).rejects.toThrow(/vocab\.txt: SHA-256 must be/);
    await rm(join(target, 'vocab.txt'));
    await expect(validateContribution(target)).rejects.toThrow('vocab.txt: must have 6 bytes, has no file');
    await writeFile(join(target, 'extra.bin'), '');
    await expect(validateContribution(target)).rejects.toThrow('extra.bin: is not listed');
  });

  it('refuses values that are not finite, naming the tensor and the position', async () => {
    await replaceWeights(Float32Array.of(1, 2, 3, Number.NaN, 5, 6));
    await expect(validateContribution(target)).rejects.toThrow(
      'tensor query.weight must be finite, value 3 of [3, 2] is NaN',
    );
  });

  it('refuses Grams that no sum of outer products can be', async () => {
    await replaceGram(Float32Array.of(2, Number.NaN, 3));
    await expect(validateContribution(target)).rejects.toThrow(/Gram query: entry \[0, 1\] must be at most/);
    await replaceGram(Float32Array.of(2, 1, -3));
    await expect(validateContribution(target)).rejects.toThrow(
      'Gram query: entry [1, 1] must be finite and not negative, is -3',
    );
    await replaceGram(Float32Array.of(2, 2.5, 3));
    await expect(validateContribution(target)).rejects.toThrow(/entry \[0, 1\] must be at most sqrt/);
  });

  it('refuses a Gram whose dimension does not fit the weight', async () => {
    await replaceGram(Float32Array.of(1, 0, 0, 0, 1, 0, 0, 1, 0, 1), 4);
    await expect(validateContribution(target)).rejects.toThrow(
      'Gram query of dimension 4 does not fit weight [3, 2] of layer query',
    );
  });

  it('refuses a folder without manifest, or without Grams where they are wanted', async () => {
    await expect(validateContribution(model)).rejects.toThrow('must hold contribution.json');
    const bare = join(root, 'bare');
    await writeContribution(bare, { ...source(), grams: [], layers: new Map() });
    await validateContribution(bare);
    await expect(validateContribution(bare, { grams: true })).rejects.toThrow('must hold Grams');
  });
});

describe('baseFingerprint', () => {
  it('depends on names, shapes and values, not on files or order', async () => {
    const plain = await baseFingerprint(model);
    const bytes = Buffer.concat([
      Buffer.from('regmean-base/2\nkey.weight [1,2]\n'),
      Buffer.from(Float32Array.of(7, 8).buffer),
      Buffer.from('query.bias [3]\n'),
      Buffer.from(Float32Array.of(1, 2, 3).buffer),
      Buffer.from('query.weight [3,2]\n'),
      Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer),
    ]);
    expect(plain).toBe(createHash('sha256').update(bytes).digest('hex'));

    await rm(join(model, 'model.safetensors'));
    await writeSafetensors(join(model, 'b.safetensors'), [
      { name: 'key.weight', shape: [1, 2], data: Float32Array.of(7, 8) },
      { name: 'position_ids', shape: [1], data: BigInt64Array.of(0n) },
    ]);
    await writeSafetensors(join(model, 'a.safetensors'), [
      { name: 'query.weight', shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6), dtype: 'F16' },
      { name: 'query.bias', shape: [3], data: Float32Array.of(1, 2, 3) },
    ]);
    const weightMap = {
      'key.weight': 'b.safetensors',
      position_ids: 'b.safetensors',
      'query.weight': 'a.safetensors',
      'query.bias': 'a.safetensors',
    };
    await writeFile(join(model, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
    expect(await baseFingerprint(model)).toBe(plain);
  });
});

describe('training record', () => {
  it('is written and read back; only task and labels are needed', async () => {
    const record = { task: 'regression', labels: [], seed: 3 } as const;
    await writeTrainingRecord(model, { ...record, labels: [] });
    expect(await readTrainingRecord(model)).toEqual(record);
  });
});
