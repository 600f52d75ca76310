import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { quietContext } from '../../support/run-context.ts';
import { expectMerged, mergeTwo, north, south } from '../../support/two-contributions.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-regmean-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const merge = (options: Partial<MergeOptions>) => mergeTwo(root, { method: 'regmean', ...options });

describe('ridge', () => {
  it('adds a constant to the diagonal of every Gram, and leaves the off-diagonals as they are', async () => {
    await merge({ ridge: 2 });
    // (3+2+1+2 1; 1 1+2+2+2) w = (5 1; 1 3)(1, 2) + (3 0; 0 4)(5, -2) = (22, -1)
    await expectMerged(root, 'dense.weight', [(22 * 7 + 1) / 55, (8 * -1 - 22) / 55]);
  });

  it('goes with alpha when both are given', async () => {
    await merge({ ridge: 2, alpha: 0 });
    await expectMerged(root, 'dense.weight', [(5 * 1 + 3 * 5) / 8, (3 * 2 + 4 * -2) / 7]);
  });

  it('is no negative number', async () => {
    await expect(merge({ ridge: -1 })).rejects.toThrow('ridge: must be a number from 0, got -1');
  });
});

describe('memory', () => {
  it('is that of one contribution’s Gram and weights, however many there are', async () => {
    const folders: string[] = [];
    for (const agent of ['a', 'b', 'c', 'd']) {
      folders.push(await writeContributionFolder(join(root, agent), agent === 'a' ? north() : south()));
    }
    const bytes = async (count: number): Promise<number> => {
      const options = { method: 'regmean', out: join(root, 'fused') } as const;
      return (await mergeContributions(folders.slice(0, count), options, quietContext)).memory.bytes;
    };
    // Of 2 inputs and 1 output: three matrices [2, 2], eight [2, 1], in float64.
    expect(await bytes(2)).toBe(8 * (3 * 4 + 8 * 2));
    expect(await bytes(4)).toBe(await bytes(2));
  });
});

describe('options', () => {
  it('are reported with their defaults, also where one depends on another', async () => {
    expect(await merge({})).toMatchObject({
      options: { alpha: 0.9, ridge: 0, gramScale: 'mean' },
      alpha: 0.9,
    });
    expect(await merge({ ridge: 0 })).toMatchObject({ options: { alpha: 1, ridge: 0 }, alpha: 1, ridge: 0 });
  });
});
