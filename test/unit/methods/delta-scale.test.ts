/** @file The merged change from the base, made larger or smaller. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { expectMerged, mergeTwo, tensor } from '../../support/two-contributions.ts';

let root: string;
let base: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-scale-'));
  base = await writeContributionFolder(join(root, 'base'), {
    tensors: [tensor('dense.weight', [1, 2], 1, 1)],
  });
});
afterEach(() => rm(root, { recursive: true, force: true }));

const merge = (options: Partial<MergeOptions> & Pick<MergeOptions, 'method'>) => mergeTwo(root, options);

describe('scale', () => {
  it('multiplies the change of every parameter that the base holds', async () => {
    const report = await merge({ method: 'simple', base, scale: 1.5 });
    // (1, 1) + 1.5 ((3, 0) - (1, 1))
    await expectMerged(root, 'dense.weight', [4, -0.5]);
    await expectMerged(root, 'dense.bias', [15]);
    expect(report.scale).toBe(1.5);
    expect(await readFile(join(root, 'fused', 'README.md'), 'utf8')).toContain(
      '| scale of the change from the base | 1.5 |',
    );
  });

  it('goes with every method', async () => {
    await merge({ method: 'fisher', base, scale: 0.5 });
    // Fisher: ((3 1 + 1 5)/4, -2), halfway to (1, 1)
    await expectMerged(root, 'dense.weight', [1.5, -0.5]);
  });

  it('of 0 is the base', async () => {
    await merge({ method: 'regmean', base, scale: 0 });
    await expectMerged(root, 'dense.weight', [1, 1]);
  });

  it('needs the base', async () => {
    await expect(merge({ method: 'simple', scale: 2 })).rejects.toThrow(
      'scale: needs the base model, none is given',
    );
  });
});
