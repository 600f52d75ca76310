/** @file Methods that mergekit has give what mergekit gives. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { openSafetensors } from '../../../shared/safetensors/open-safetensors.ts';
import '../../support/allclose.ts';
import { quietContext } from '../../support/run-context.ts';

const fixtures = fileURLToPath(new URL('../../fixtures/mergekit', import.meta.url));
const agents = ['agent-1', 'agent-2', 'agent-3'].map((name) => join(fixtures, name));

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-mergekit-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

type Own = Omit<MergeOptions, 'out' | 'base'>;
const weighted = { coefficients: [1, 2, 3] };

it.each<[string, Own]>([
  ['linear', { method: 'simple', ...weighted }],
  ['task-arithmetic', { method: 'task-arithmetic', lambda: 0.4 }],
  ['task-arithmetic-weighted', { method: 'task-arithmetic', lambda: 0.4, ...weighted }],
  ['ties-0.2', { method: 'ties' }],
  ['ties-0.6-weighted', { method: 'ties', density: 0.6, ...weighted }],
  ['dare-whole', { method: 'dare', density: 1 }],
  ['dare-elected-whole', { method: 'dare', density: 1, signs: 'elected' }],
  ['model-stock', { method: 'model-stock' }],
])('%s', async (name, options) => {
  const out = join(root, name);
  await mergeContributions(agents, { ...options, base: join(fixtures, 'base'), out }, quietContext);
  const merged = await openSafetensors(join(out, 'model.safetensors'));
  const expected = await openSafetensors(join(fixtures, `${name}.safetensors`));
  const encoder = [...expected.tensors.keys()].filter((own) => !own.startsWith('classifier'));
  expect(encoder.length).toBe(23);
  for (const own of encoder) {
    const tolerance = { rtol: 0, atol: 2.5e-7, name: own };
    expect(await merged.readFloat32(own)).toBeAllclose(await expected.readFloat32(own), tolerance);
  }
  await merged.close();
  await expected.close();
});
