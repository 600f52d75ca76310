import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openContribution } from '../../../shared/contribution/open-contribution.ts';
import { openNorms } from '../../../shared/contribution/open-norms.ts';
import { validateContribution } from '../../../shared/contribution/validate-contribution.ts';
import { writeContribution } from '../../../shared/contribution/write-contribution.ts';
import { type NormSums, writeNorms } from '../../../shared/contribution/write-norms.ts';
import { createModel, saveModel } from '../../../shared/models/model-folder.ts';
import { writeSafetensors } from '../../../shared/safetensors/write-safetensors.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { modelWriter } from '../../support/model-writer.ts';
import { tinyConfig } from '../../support/tiny-model.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-norms-'));
  path = join(folder, 'norms.safetensors');
});
afterEach(() => rm(folder, { recursive: true }));

const pair = (...values: number[]) => ({ shape: [2], data: Float32Array.from(values) });
const norm = (...sums: number[]): NormSums => ({
  ...{ scale: 'norm.weight', shift: 'norm.bias', rows: 4 },
  sums: Float64Array.from(sums),
});
const manifest = {
  ...{ agent: 'north', baseFingerprint: '0'.repeat(64), task: 'text-classification' as const },
  ...{ labels: ['no', 'yes'], metrics: {}, tool: 'test' },
};

/** A contribution with a normalisation layer of two features, and with sums of it. */
async function contribute(norms: readonly NormSums[] | undefined): Promise<string> {
  const model = await writeContributionFolder(join(folder, 'model'), {
    tensors: [
      { name: 'norm.weight', ...pair(1, 2) },
      { name: 'norm.bias', ...pair(0, 1) },
    ],
  });
  const out = join(folder, 'contribution');
  await writeContribution(out, {
    ...{ writeModel: modelWriter(model), grams: [], layers: new Map(), manifest },
    ...(norms === undefined ? {} : { norms }),
  });
  return out;
}

describe('norms.safetensors', () => {
  it('gives back what was written: sums in float64, rows and shifts', async () => {
    const alone = { scale: 'other.weight', shift: null, rows: 0, sums: Float64Array.of(0, 0) };
    await writeNorms(path, [norm(1 / 3, -2, 1, 4), alone]);
    const file = await openNorms(path);
    expect([...file.layers]).toEqual([
      ['norm.weight', { shift: 'norm.bias', features: 2, rows: 4 }],
      ['other.weight', { shift: null, features: 1, rows: 0 }],
    ]);
    expect(await file.readSums('norm.weight')).toEqual(Float64Array.of(1 / 3, -2, 1, 4));
    await file.close();
  });

  const sums = { name: 'norm.weight', shape: [2, 2], data: Float64Array.of(1, 1, 1, 1) };
  const metadata = { format: 'regmean-norms/1', rows: '{"norm.weight":4}', shifts: '{}' };
  it.each([
    [
      'another format',
      sums,
      { ...metadata, format: 'pt' },
      'metadata format must be regmean-norms/1, got pt',
    ],
    ['no format', sums, {}, 'metadata format must be regmean-norms/1, got none'],
    ['no rows', sums, { format: metadata.format }, 'format regmean-norms/1 needs metadata rows'],
    [
      'rows that are no numbers',
      sums,
      { ...metadata, rows: '{"norm.weight":-1}' },
      'rows must map scales to row counts',
    ],
    ['no shifts', sums, { format: metadata.format, rows: metadata.rows }, 'needs metadata shifts'],
    [
      'a layer without rows',
      sums,
      { ...metadata, rows: '{}' },
      'norm.weight needs its row count in metadata rows',
    ],
    [
      'rows of no layer',
      sums,
      { ...metadata, rows: '{"norm.weight":4,"a":1}' },
      'rows name a, which is not there',
    ],
    ['shifts of no layer', sums, { ...metadata, shifts: '{"a":"b"}' }, 'shifts name a, which is not there'],
    ['text that is no JSON', sums, { ...metadata, rows: '{' }, 'metadata rows '],
    ['other shapes', { ...sums, shape: [4] }, metadata, 'norm.weight must be F64 [2, features], is F64 [4]'],
    [
      'other types',
      { ...sums, data: Float32Array.of(1, 1, 1, 1) },
      metadata,
      'norm.weight must be F64 [2, features], is F32 [2, 2]',
    ],
  ])('is refused with %s', async (_, tensor, stored, message) => {
    await writeSafetensors(path, [tensor], stored);
    await expect(openNorms(path)).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining(message),
    });
  });
});

describe('a contribution with sums of normalisation layers', () => {
  it('is valid where they can be sums of numbers and of their squares', async () => {
    const out = await contribute([norm(2, -4, 1, 4)]);
    expect((await validateContribution(out, { norms: true })).files).toHaveProperty(['norms.safetensors']);
  });

  it.each([
    ['values that are no numbers', norm(Number.NaN, 0, 1, 1), 'norm.weight, feature 0: sums must be finite'],
    [
      'squares that are negative',
      norm(0, 0, 1, -1),
      'feature 1: sums must be finite and that of squares not',
    ],
    [
      'sums that are too large',
      norm(2.1, 0, 1, 1),
      'feature 0: the sum of 4 values with squares of sum 1 cannot be 2.1',
    ],
    ['another size', norm(0, 0, 0, 1, 1, 1), 'norm.weight must have shape [3], has [2]'],
    ['a scale that is not there', { ...norm(0, 0, 1, 1), scale: 'a' }, 'a is no parameter of the model'],
    ['a shift that is not there', { ...norm(0, 0, 1, 1), shift: 'b' }, 'b is no parameter of the model'],
  ])('is refused for %s', async (_, norms, message) => {
    const out = await contribute([norms]);
    await expect(validateContribution(out)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining(message),
    });
  });

  it('is refused without them where the round wants them', async () => {
    const out = await contribute(undefined);
    await expect(validateContribution(out, { norms: true })).rejects.toThrow(
      'must hold sums of normalisation layers',
    );
  });

  it('is refused where the network has others', async () => {
    const model = join(folder, 'bert');
    await mkdir(model);
    await saveModel(model, createModel(tinyConfig, 'text-classification', manifest.labels, 1));
    const zeros = { rows: 1, sums: new Float64Array(2 * tinyConfig.hidden_size) };
    const layers = ['embeddings', 'encoder.layer.0.attention.output', 'encoder.layer.0.output'].map(
      (module) => ({
        scale: `bert.${module}.LayerNorm.weight`,
        shift: `bert.${module}.LayerNorm.bias`,
        ...zeros,
      }),
    );
    const validate = async (name: string, norms: readonly NormSums[]) => {
      const out = join(folder, name);
      await writeContribution(out, {
        ...{ writeModel: modelWriter(model), grams: [], layers: new Map(), manifest, norms },
      });
      return validateContribution(out, { norms: true });
    };
    await validate('all', layers);
    await expect(validate('fewer', layers.slice(1))).rejects.toThrow(
      'sums of all normalisation layers must be there, none of bert.embeddings.LayerNorm.weight',
    );
    const bias = { scale: 'bert.pooler.dense.bias', shift: null, ...zeros };
    await expect(validate('more', [...layers, bias])).rejects.toThrow(
      'bert.pooler.dense.bias is the scale of no normalisation layer',
    );
    const [first, ...rest] = layers as [NormSums, ...NormSums[]];
    await expect(validate('other', [{ ...first, shift: null }, ...rest])).rejects.toThrow(
      'shift of bert.embeddings.LayerNorm.weight must be bert.embeddings.LayerNorm.bias, got none',
    );
  });

  it('has them under the names of the network, whatever its files call them', async () => {
    const out = await writeContributionFolder(join(folder, 'old'), {
      config: { ...tinyConfig, id2label: { 0: 'no', 1: 'yes' } },
      tensors: [
        { name: 'module.embeddings.LayerNorm.gamma', ...pair(1, 1) },
        { name: 'module.embeddings.LayerNorm.beta', ...pair(1, 1) },
      ],
    });
    await writeNorms(join(out, 'norms.safetensors'), [
      {
        ...norm(1, 2, 3, 4),
        ...{ scale: 'module.embeddings.LayerNorm.gamma', shift: 'module.embeddings.LayerNorm.beta' },
      },
    ]);
    const contribution = await openContribution(out);
    const scale = 'bert.embeddings.LayerNorm.weight';
    expect([...(contribution.norms?.layers ?? [])]).toEqual([
      [scale, { shift: 'bert.embeddings.LayerNorm.bias', features: 2, rows: 4 }],
    ]);
    expect(await contribution.norms?.readSums(scale)).toEqual(Float64Array.of(1, 2, 3, 4));
    await contribution.close();
  });
});
