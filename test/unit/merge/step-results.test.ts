import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStepResults } from '../../../merger/merge/step-results.ts';
import type { MergeStep } from '../../../merger/methods/merge-step.ts';
import { RegmeanError } from '../../../shared/errors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-steps-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A step that writes two parts, and how often it ran. */
function counted(key?: string) {
  const state = { runs: 0 };
  const step: MergeStep = {
    ...{ name: 'dense', parameters: ['a', 'b'], bytes: 1, ...(key === undefined ? {} : { key }) },
    async run(output) {
      state.runs++;
      const part = Float64Array.of(9, Math.PI, 1e-300).subarray(1);
      await output.write('a', part, 2);
      await output.write('b', Float32Array.of(0.1));
      return { name: 'dense' } as never;
    },
  };
  return { step, state };
}

/** What a step writes, and reports. */
async function written(step: MergeStep) {
  const writes: unknown[] = [];
  const report = await step.run({
    write: async (name, data, start) => {
      writes.push([name, data.slice(), start]);
    },
  });
  return { writes, report };
}

describe('results of steps', () => {
  it('are computed once for a key, and are the same to the last bit', async () => {
    const results = await createStepResults(folder, ['x', 'y', 'x', 'y']);
    const [one, again, other] = [counted('x'), counted('x'), counted('y')];
    const first = await written(results.remembered(one.step));
    expect(first).toEqual(await written(one.step));
    expect(await written(results.remembered(again.step))).toEqual(first);
    await written(results.remembered(other.step));
    expect([again.state.runs, other.state.runs]).toEqual([0, 1]);
    await results.dispose();
    expect(await readdir(folder)).toEqual([]);
  });

  it('are not kept of a step without a key, and of one that no other merge has', async () => {
    const results = await createStepResults(folder, ['x', 'y', 'y']);
    for (const { step } of [counted(), counted('x')]) expect(results.remembered(step)).toBe(step);
    await results.dispose();
  });

  it('are not kept of a step that failed', async () => {
    const results = await createStepResults(folder, ['x', 'x']);
    const broken = { ...counted('x').step, run: () => Promise.reject(new RegmeanError('numerical', 'no')) };
    await expect(written(results.remembered(broken))).rejects.toThrow('no');
    const { step, state } = counted('x');
    await written(results.remembered(step));
    expect(state.runs).toBe(1);
    await results.dispose();
  });
});
