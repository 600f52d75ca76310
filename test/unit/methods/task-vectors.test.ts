/** @file Methods that combine the agents' changes from the base entry by entry. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { howManyParameters } from '../../../merger/merge/merge-report.ts';
import { keepLargest, keepRandom } from '../../../merger/methods/sparse-vectors.ts';
import { createRandom, normal } from '../../../shared/random.ts';
import { type ContributionFolder, writeContributionFolder } from '../../support/contribution-folder.ts';
import { expectMerged, mergeTwo, tensor } from '../../support/two-contributions.ts';

let root: string;
let base: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-vectors-'));
  base = await writeContributionFolder(join(root, 'base'), model(1, 1, 1, 1, 1));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const model = (...values: number[]): ContributionFolder => ({
  tensors: [tensor('norm.weight', [values.length], ...values)],
});
/** Changes (5, 1, -2, 0, 0) and (-3, 1, -4, 0, 8). */
const north = model(6, 2, -1, 1, 1);
const south = model(-2, 2, -3, 1, 9);
const merge = (options: Partial<MergeOptions> & Pick<MergeOptions, 'method'>) =>
  mergeTwo(root, { base, ...options }, north, south);

it('Task Arithmetic adds changes up, times lambda; coefficients count relative to their mean', async () => {
  await merge({ method: 'task-arithmetic', lambda: 0.5 });
  await expectMerged(root, 'norm.weight', [2, 2, -2, 1, 5]);
  await merge({ method: 'task-arithmetic', lambda: 0.5, coefficients: [1, 3] });
  await expectMerged(root, 'norm.weight', [0, 2, -2.5, 1, 7]);
});

it('TIES keeps the largest changes, and the mean of those with the sign that has more weight', async () => {
  await merge({ method: 'ties', density: 1 });
  await expectMerged(root, 'norm.weight', [6, 2, -2, 1, 9]);
  // (5, 0, -2, 0, 0) and (0, 0, -4, 0, 8)
  await merge({ method: 'ties', density: 0.4 });
  await expectMerged(root, 'norm.weight', [6, 1, -2, 1, 9]);
});

it('Model Stock draws the mean toward the base by the angle between changes', async () => {
  await merge({ method: 'model-stock' });
  // (-15 + 1 + 8) / (sqrt(30) sqrt(90)): changes point apart, so the base lies beyond
  const cosine = -6 / Math.sqrt(30 * 90);
  const share = (2 * cosine) / (1 + cosine);
  await expectMerged(
    root,
    'norm.weight',
    [1, 1, -3, 0, 4].map((mean) => 1 + share * mean),
  );
});

it('parameters are told as combined, those that are averaged as averaged', async () => {
  const combined = await merge({ method: 'ties' });
  expect(combined.parameters).toMatchObject({ solved: 0, combined: 1, averaged: 0 });
  expect(howManyParameters(combined)).toBe('1 combined, 0 averaged, 0 kept from the base');
  const averaged = await merge({ method: 'ties', average: ['norm'] });
  expect(averaged.parameters).toMatchObject({ solved: 0, combined: 0, averaged: 1 });
  expect(howManyParameters(averaged)).toBe('0 solved, 1 averaged, 0 kept from the base');
});

it('a parameter that the base lacks, or that is asked for, is averaged', async () => {
  await merge({ method: 'ties', density: 0.4, average: ['norm'] });
  await expectMerged(root, 'norm.weight', [2, 2, -2, 1, 5]);
  const other = await writeContributionFolder(join(root, 'other'), { tensors: [tensor('x', [1], 1)] });
  await merge({ method: 'ties', density: 0.4, base: other });
  await expectMerged(root, 'norm.weight', [2, 2, -2, 1, 5]);
});

it.each(['task-arithmetic', 'ties', 'dare', 'model-stock'] as const)('%s needs the base', async (method) => {
  await expect(merge({ method, base: undefined })).rejects.toThrow(
    `method: ${method} needs the base model, none is given`,
  );
});

describe('values that are not finite', () => {
  const broken = model(6, Number.NaN, -1, 1, 1);
  const ways: readonly Parameters<typeof merge>[0][] = [
    { method: 'task-arithmetic' },
    { method: 'ties' },
    { method: 'dare', density: 1, signs: 'elected' },
    { method: 'model-stock' },
  ];

  it.each(ways)('are refused by the agent’s name: $method', async (options) => {
    await expect(mergeTwo(root, { base, ...options }, north, broken)).rejects.toThrow(
      'south: parameter norm.weight must be finite, is not',
    );
  });

  it('of the base are refused by its path', async () => {
    const folder = await writeContributionFolder(join(root, 'broken'), broken);
    await expect(merge({ method: 'ties', base: folder })).rejects.toThrow(
      /broken.*: parameter norm\.weight must be finite, is not/,
    );
  });
});

describe('entries that are kept', () => {
  /** The entries of one vector that are kept of the largest, when it comes in blocks. */
  async function largest(density: number, ...blocks: Float32Array[]): Promise<number[]> {
    const size = blocks.reduce((sum, { length }) => sum + length, 0);
    const eachBlock = async (look: (vectors: readonly Float32Array[]) => void): Promise<void> => {
      for (const block of blocks) look([block]);
    };
    const [keep] = await keepLargest({ size, count: 1, eachBlock }, density);
    return blocks.flatMap((block) => {
      const own = block.slice();
      keep?.(own);
      return [...own];
    });
  }

  it('are the largest, of equal ones the first, over all blocks of a vector', async () => {
    const whole = Float32Array.of(1, -2, 2, 3, 2, 0.5);
    expect(await largest(0.5, whole.subarray(0, 2), whole.subarray(2))).toEqual([0, -2, 2, 3, 0, 0]);
  });

  it('are those that an order of all magnitudes gives', async () => {
    const random = createRandom(3);
    const whole = Float32Array.from({ length: 5000 }, (_, i) =>
      i % 7 === 0 ? 0 : (i % 5 === 0 ? 0.25 : normal(random)) * 10 ** ((i % 60) - 40),
    );
    for (const density of [0.001, 0.2, 0.5, 0.9, 0.999]) {
      const count = Math.floor(density * whole.length);
      const order = [...whole.keys()].sort(
        (a, b) => Math.abs(whole[b] as number) - Math.abs(whole[a] as number) || a - b,
      );
      const wanted = new Set(order.slice(0, count));
      expect(await largest(density, whole)).toEqual([
        ...whole.map((value, i) => (wanted.has(i) ? value : 0)),
      ]);
    }
  });

  it('are one at least', async () => {
    expect(await largest(0.01, Float32Array.of(1, -2))).toEqual([0, -2]);
  });

  it('are drawn alike for a seed, whatever the blocks, and keep the mean', () => {
    const drawn = (seed: number, ...blocks: Float32Array[]): number[] => {
      const keep = keepRandom(0.25, seed);
      for (const block of blocks) keep(block);
      return blocks.flatMap((block) => [...block]);
    };
    const ones = (length: number): Float32Array => new Float32Array(length).fill(1);
    const kept = drawn(7, ones(20_000));
    expect(new Set(kept)).toEqual(new Set([0, 4]));
    expect(kept.reduce((sum, value) => sum + value, 0) / kept.length).toBeCloseTo(1, 1);
    expect(drawn(7, ones(5), ones(15))).toEqual(kept.slice(0, 20));
    expect(drawn(8, ones(20_000))).not.toEqual(kept);
  });
});

it('DARE gives the same bytes for the same seed, and others for another', async () => {
  const values = async (dropSeed: number): Promise<string> => {
    const report = await merge({ method: 'dare', density: 0.5, dropSeed });
    return report.files['model.safetensors']?.sha256 ?? '';
  };
  expect(await values(1)).toBe(await values(1));
  expect(await values(1)).not.toBe(await values(3));
});
