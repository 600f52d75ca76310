import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { openSafetensors } from '../../../shared/safetensors/open-safetensors.ts';
import type { TensorToWrite } from '../../../shared/safetensors/write-safetensors.ts';
import { type ContributionFolder, writeContributionFolder } from '../../support/contribution-folder.ts';
import { quietContext } from '../../support/run-context.ts';

let root: string;
let out: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-methods-'));
  out = join(root, 'fused');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const tensor = (name: string, shape: number[], ...values: number[]): TensorToWrite => ({
  name,
  shape,
  data: Float32Array.from(values),
});

const north = (): ContributionFolder => ({
  tensors: [tensor('dense.weight', [1, 2], 1, 2), tensor('dense.bias', [1], 10)],
  grams: [tensor('dense', [2, 2], 3, 1, 1, 1)],
  fisher: [tensor('dense.weight', [1, 2], 3, 0), tensor('dense.bias', [1], 1)],
});
const south = (): ContributionFolder => ({
  tensors: [tensor('dense.weight', [1, 2], 5, -2), tensor('dense.bias', [1], 20)],
  grams: [tensor('dense', [2, 2], 1, 0, 0, 2)],
  fisher: [tensor('dense.weight', [1, 2], 1, 4), tensor('dense.bias', [1], 3)],
});

async function merge(options: Partial<MergeOptions>, a = north(), b = south()) {
  const folders = [
    await writeContributionFolder(join(root, 'north'), a),
    await writeContributionFolder(join(root, 'south'), b),
  ];
  return mergeContributions(folders, { method: 'fisher', out, ...options }, quietContext);
}

async function merged(name: string): Promise<number[]> {
  const file = await openSafetensors(join(out, 'model.safetensors'));
  const { data } = await file.readFloat32(name);
  await file.close();
  return [...data];
}

async function expectMerged(name: string, expected: readonly number[]): Promise<void> {
  for (const [index, value] of (await merged(name)).entries()) {
    expect(value).toBeCloseTo(expected[index] as number, 6);
  }
}

describe('fisher', () => {
  it('weighs every value by the Fisher information', async () => {
    await merge({ fisherSmoothing: 0 });
    await expectMerged('dense.weight', [(3 * 1 + 1 * 5) / 4, -2]);
    await expectMerged('dense.bias', [(10 + 3 * 20) / 4]);
  });

  it('weighs by coefficients besides', async () => {
    await merge({ fisherSmoothing: 0, coefficients: [0.25, 0.75] });
    await expectMerged('dense.weight', [(0.25 * 3 * 1 + 0.75 * 1 * 5) / 1.5, -2]);
  });

  it('adds the smoothing to all Fisher information', async () => {
    await merge({ fisherSmoothing: 1 });
    await expectMerged('dense.weight', [(4 * 1 + 2 * 5) / 6, (1 * 2 + 5 * -2) / 6]);
  });

  it('divides by the norm over each parameter', async () => {
    await merge({ fisherSmoothing: 0.5, fisherNormalize: 'parameter' });
    const [n, s] = [3 + 0.5, Math.hypot(1, 4) + 0.5];
    const [wn, ws] = [3.5 / n, 1.5 / s];
    const [vn, vs] = [0.5 / n, 4.5 / s];
    await expectMerged('dense.weight', [(wn + ws * 5) / (wn + ws), (vn * 2 - vs * 2) / (vn + vs)]);
  });

  it('divides by the norm over all merged parameters', async () => {
    await merge({ fisherSmoothing: 0, fisherNormalize: 'model' });
    const [n, s] = [Math.hypot(3, 1), Math.hypot(1, 4, 3)];
    await expectMerged('dense.bias', [((1 / n) * 10 + (3 / s) * 20) / (1 / n + 3 / s)]);
  });

  it('averages where no agent has Fisher information', async () => {
    const none = (content: ContributionFolder): ContributionFolder => ({
      ...content,
      fisher: [tensor('dense.bias', [1], 0)],
    });
    await merge({ fisherSmoothing: 0 }, none(north()), none(south()));
    await expectMerged('dense.weight', [3, 0]);
    await expectMerged('dense.bias', [15]);
  });

  it('averages parameters that --average names', async () => {
    await merge({ fisherSmoothing: 0, average: ['bias$'] });
    await expectMerged('dense.bias', [15]);
  });

  it('refuses contributions without Fisher information, of another kind, or for other parameters', async () => {
    const { fisher: _, ...bare } = south();
    await expect(merge({}, north(), bare)).rejects.toThrow(
      /south: fisher needs Fisher information, .* has no fisher/,
    );
    const kind = (variant: string) => ({
      fisherMetadata: { format: 'regmean-fisher/1', variant, reduction: 'example' },
    });
    await expect(
      merge({}, { ...north(), ...kind('empirical') }, { ...south(), ...kind('hard') }),
    ).rejects.toThrow(
      'Fisher information must be of one kind, north has empirical, by example, south has hard, by example',
    );
    await expect(merge({}, { ...north(), fisher: [tensor('extra', [1], 1)] })).rejects.toThrow(
      /fisher.safetensors: tensor extra is no parameter of the model/,
    );
    await expect(merge({ fisherSmoothing: -1 })).rejects.toThrow(
      'fisher smoothing: must be a number from 0, got -1',
    );
  });
});

describe('ridge', () => {
  it('adds a constant to the diagonal of every Gram, and leaves the off-diagonals as they are', async () => {
    await merge({ method: 'regmean', ridge: 2 });
    // (3+2+1+2 1; 1 1+2+2+2) w = (5 1; 1 3)(1, 2) + (3 0; 0 4)(5, -2) = (22, -1)
    await expectMerged('dense.weight', [(22 * 7 + 1) / 55, (8 * -1 - 22) / 55]);
  });

  it('goes with alpha when both are given', async () => {
    await merge({ method: 'regmean', ridge: 2, alpha: 0 });
    await expectMerged('dense.weight', [(5 * 1 + 3 * 5) / 8, (3 * 2 + 4 * -2) / 7]);
  });

  it('is no negative number', async () => {
    await expect(merge({ method: 'regmean', ridge: -1 })).rejects.toThrow(
      'ridge: must be a number from 0, got -1',
    );
  });
});

describe('patterns', () => {
  it('average linear layers that --average names', async () => {
    await merge({ method: 'regmean', average: ['^dense'] });
    await expectMerged('dense.weight', [3, 0]);
  });

  it("merge only what --include names; the rest keeps the base's values", async () => {
    const base = await writeContributionFolder(join(root, 'base'), {
      tensors: [tensor('dense.bias', [1], 7)],
    });
    const report = await merge({ method: 'regmean', alpha: 0, include: ['weight$'], base });
    await expectMerged('dense.weight', [2, -2 / 3]);
    await expectMerged('dense.bias', [7]);
    expect(report.parameters.excluded).toEqual(['dense.bias']);
  });

  it('must match a parameter', async () => {
    await expect(merge({ method: 'regmean', average: ['^bias'] })).rejects.toThrow(
      'average: must match a parameter, ^bias matches none',
    );
  });
});

describe('coefficients', () => {
  it('as given scale what is averaged by their sum, and leave solved layers as they are', async () => {
    await merge({ method: 'regmean', alpha: 0, coefficients: [2, 2], coefficientScale: 'as-given' });
    await expectMerged('dense.weight', [2, -2 / 3]);
    await expectMerged('dense.bias', [60]);
  });

  it('as given are equal shares when there are none', async () => {
    await merge({ method: 'simple', coefficientScale: 'as-given' });
    await expectMerged('dense.bias', [15]);
  });
});
