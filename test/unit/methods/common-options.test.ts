import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { expectMerged, mergeTwo, tensor } from '../../support/two-contributions.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-options-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('patterns', () => {
  it('average linear layers that --average names', async () => {
    await mergeTwo(root, { method: 'regmean', average: ['^dense'] });
    await expectMerged(root, 'dense.weight', [3, 0]);
  });

  it("merge only what --include names; the rest keeps the base's values", async () => {
    const base = await writeContributionFolder(join(root, 'base'), {
      tensors: [tensor('dense.bias', [1], 7)],
    });
    const report = await mergeTwo(root, { method: 'regmean', alpha: 0, include: ['weight$'], base });
    await expectMerged(root, 'dense.weight', [2, -2 / 3]);
    await expectMerged(root, 'dense.bias', [7]);
    expect(report.parameters.excluded).toEqual(['dense.bias']);
  });

  it('must match a parameter', async () => {
    await expect(mergeTwo(root, { method: 'regmean', average: ['^bias'] })).rejects.toThrow(
      'average: must match a parameter, ^bias matches none',
    );
  });
});

describe('coefficients', () => {
  it('as given scale what is averaged by their sum, and leave solved layers as they are', async () => {
    await mergeTwo(root, { method: 'regmean', alpha: 0, coefficients: [2, 2], coefficientScale: 'as-given' });
    await expectMerged(root, 'dense.weight', [2, -2 / 3]);
    await expectMerged(root, 'dense.bias', [60]);
  });

  it('as given are equal shares when there are none', async () => {
    await mergeTwo(root, { method: 'simple', coefficientScale: 'as-given' });
    await expectMerged(root, 'dense.bias', [15]);
  });

  it('go by agent where they are named', async () => {
    const report = await mergeTwo(root, { method: 'simple', coefficients: { south: 3, north: 1, west: 5 } });
    expect(report.agents.map(({ agent, coefficient }) => [agent, coefficient])).toEqual([
      ['north', 0.25],
      ['south', 0.75],
    ]);
    await expectMerged(root, 'dense.bias', [17.5]);
    await expect(mergeTwo(root, { method: 'simple', coefficients: { north: 1 } })).rejects.toThrow(
      'coefficients: must name every agent, south is not among north',
    );
  });
});
