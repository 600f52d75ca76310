/**
 * @file Two contributions of one linear layer with two inputs and one output, small enough to be
 *   merged by hand.
 */
import { join } from 'node:path';
import { expect } from 'vitest';
import { mergeContributions } from '../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../merger/merge/merge-options.ts';
import type { MergeReport } from '../../merger/merge/merge-report.ts';
import { openSafetensors } from '../../shared/safetensors/open-safetensors.ts';
import type { TensorToWrite } from '../../shared/safetensors/write-safetensors.ts';
import { type ContributionFolder, writeContributionFolder } from './contribution-folder.ts';
import { quietContext } from './run-context.ts';

/** A tensor of float32 values. */
export function tensor(name: string, shape: number[], ...values: number[]): TensorToWrite {
  return { name, shape, data: Float32Array.from(values) };
}

/** Weights (1, 2), bias 10, Gram (3 1; 1 1), Fisher information (3, 0) and 1. */
export const north = (): ContributionFolder => ({
  tensors: [tensor('dense.weight', [1, 2], 1, 2), tensor('dense.bias', [1], 10)],
  grams: [tensor('dense', [2, 2], 3, 1, 1, 1)],
  fisher: [tensor('dense.weight', [1, 2], 3, 0), tensor('dense.bias', [1], 1)],
});

/** Weights (5, -2), bias 20, Gram (1 0; 0 2), Fisher information (1, 4) and 3. */
export const south = (): ContributionFolder => ({
  tensors: [tensor('dense.weight', [1, 2], 5, -2), tensor('dense.bias', [1], 20)],
  grams: [tensor('dense', [2, 2], 1, 0, 0, 2)],
  fisher: [tensor('dense.weight', [1, 2], 1, 4), tensor('dense.bias', [1], 3)],
});

/** Writes both below `root` and merges them into `root/fused`. */
export async function mergeTwo(
  root: string,
  options: Partial<MergeOptions> & Pick<MergeOptions, 'method'>,
  a = north(),
  b = south(),
): Promise<MergeReport> {
  const folders = [
    await writeContributionFolder(join(root, 'north'), a),
    await writeContributionFolder(join(root, 'south'), b),
  ];
  return mergeContributions(folders, { out: join(root, 'fused'), ...options }, quietContext);
}

/** Expects values of a parameter of `root/fused`. */
export async function expectMerged(root: string, name: string, expected: readonly number[]): Promise<void> {
  const file = await openSafetensors(join(root, 'fused', 'model.safetensors'));
  const { data } = await file.readFloat32(name);
  await file.close();
  expect(data.length).toBe(expected.length);
  for (const [index, value] of data.entries()) expect(value).toBeCloseTo(expected[index] as number, 6);
}
