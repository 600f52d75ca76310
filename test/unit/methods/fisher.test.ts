import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import type { ContributionFolder } from '../../support/contribution-folder.ts';
import { expectMerged, mergeTwo, north, south, tensor } from '../../support/two-contributions.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-fisher-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const merge = (options: Partial<MergeOptions>, a = north(), b = south()) =>
  mergeTwo(root, { method: 'fisher', ...options }, a, b);

describe('fisher', () => {
  it('weighs every value by the Fisher information', async () => {
    await merge({ fisherSmoothing: 0 });
    await expectMerged(root, 'dense.weight', [(3 * 1 + 1 * 5) / 4, -2]);
    await expectMerged(root, 'dense.bias', [(10 + 3 * 20) / 4]);
  });

  it('weighs by coefficients besides', async () => {
    await merge({ fisherSmoothing: 0, coefficients: [0.25, 0.75] });
    await expectMerged(root, 'dense.weight', [(0.25 * 3 * 1 + 0.75 * 1 * 5) / 1.5, -2]);
  });

  it('adds the smoothing to all Fisher information', async () => {
    await merge({ fisherSmoothing: 1 });
    await expectMerged(root, 'dense.weight', [(4 * 1 + 2 * 5) / 6, (1 * 2 + 5 * -2) / 6]);
  });

  it('divides by the norm over each parameter', async () => {
    await merge({ fisherSmoothing: 0.5, fisherNormalize: 'parameter' });
    const [n, s] = [3 + 0.5, Math.hypot(1, 4) + 0.5];
    const [wn, ws] = [3.5 / n, 1.5 / s];
    const [vn, vs] = [0.5 / n, 4.5 / s];
    await expectMerged(root, 'dense.weight', [(wn + ws * 5) / (wn + ws), (vn * 2 - vs * 2) / (vn + vs)]);
  });

  it('divides by the norm over all merged parameters', async () => {
    await merge({ fisherSmoothing: 0, fisherNormalize: 'model' });
    const [n, s] = [Math.hypot(3, 1), Math.hypot(1, 4, 3)];
    await expectMerged(root, 'dense.bias', [((1 / n) * 10 + (3 / s) * 20) / (1 / n + 3 / s)]);
  });

  it('averages where no agent has Fisher information', async () => {
    const none = (content: ContributionFolder): ContributionFolder => ({
      ...content,
      fisher: [tensor('dense.bias', [1], 0)],
    });
    await merge({ fisherSmoothing: 0 }, none(north()), none(south()));
    await expectMerged(root, 'dense.weight', [3, 0]);
    await expectMerged(root, 'dense.bias', [15]);
  });

  it('averages parameters that --average names', async () => {
    await merge({ fisherSmoothing: 0, average: ['bias$'] });
    await expectMerged(root, 'dense.bias', [15]);
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
