/** @file What a base that is given with a merge must be, and what the merged folder has of it. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeContributions, type SourceChecks } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { configFile } from '../../../shared/models/config-json.ts';
import { quietContext } from '../../support/run-context.ts';
import { writeBase, writeTinyContribution } from '../../support/tiny-round.ts';

let root: string;
const at = (...names: string[]): string => join(root, ...names);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-base-'));
  await writeBase(at('base'));
  for (const agent of ['north', 'south']) await writeTinyContribution(at(agent), { agent, base: at('base') });
});
afterAll(() => rm(root, { recursive: true, force: true }));

const merge = (options: Partial<MergeOptions>, checks?: SourceChecks) =>
  mergeContributions(
    [at('north'), at('south')],
    { method: 'simple', out: at('fused'), ...options },
    quietContext,
    checks,
  );

/** The base with other members in its config.json. */
async function baseWith(name: string, changes: object): Promise<string> {
  await cp(at('base'), at(name), { recursive: true });
  const config = JSON.parse(await readFile(at('base', configFile), 'utf8'));
  await writeFile(at(name, configFile), JSON.stringify({ ...config, ...changes }));
  return at(name);
}

describe('the base of a merge', () => {
  it('is the one that agents fine-tuned, whether or not its values are used', async () => {
    await writeBase(at('other'), { seed: 2 });
    for (const options of [{ method: 'simple' }, { method: 'ties' }] as const) {
      await expect(merge({ ...options, base: at('other') })).rejects.toMatchObject({
        code: 'invalid-input',
        message: expect.stringMatching(
          /other: must be the base [0-9a-f]{64}, its fingerprint is [0-9a-f]{64}$/,
        ),
      });
    }
    await merge({ base: at('base') });
  });

  it('is not read for its fingerprint where that was compared before', async () => {
    await merge({ base: at('other') }, { checkBase: false });
  });

  it('means the same by equal weights where they are used', async () => {
    const base = await baseWith('rounded', { layer_norm_eps: 1e-5 });
    await merge({ base });
    const refusal = {
      code: 'invalid-input',
      message:
        'the base and north: equal weights must mean the same in both, they differ in ' +
        'layer_norm_eps: the base has 0.00001, north has nothing',
      hint: 'fine-tune from one base; --allow-different layer_norm_eps merges them all the same',
    };
    await expect(merge({ base, method: 'ties' })).rejects.toMatchObject(refusal);
    await expect(merge({ base, scale: 1.5 })).rejects.toMatchObject(refusal);
    await expect(merge({ base, exclude: ['embeddings'] })).rejects.toMatchObject(refusal);
    const report = await merge({ base, scale: 1.5, allowDifferent: ['layer_norm_eps'] });
    expect(report.allowedDifferences).toEqual([
      { field: 'layer_norm_eps', values: { 'the base': '0.00001', north: 'nothing' } },
    ]);
  });

  it('may have another tokenizer only where that is allowed', async () => {
    const base = await baseWith('relabelled', {});
    await writeFile(join(base, 'vocab.txt'), '[PAD]\n[UNK]\nword\n');
    await expect(merge({ base, method: 'ties' })).rejects.toThrow('the base and north: equal weights');
  });

  it('gives the merged folder the files that contributions do not hold, and no others', async () => {
    const base = await baseWith('sentences', {});
    const given = ['1_Pooling/config.json', '2_Dense/model.safetensors', 'modules.json', 'notes.txt'];
    for (const path of given) {
      await mkdir(dirname(join(base, path)), { recursive: true });
      await writeFile(join(base, path), path);
    }
    const found = async (): Promise<string[]> => {
      const names = await readdir(at('fused'), { recursive: true });
      return names.filter((name) => given.includes(name)).sort();
    };
    await merge({});
    expect(await found()).toEqual([]);
    await merge({ base });
    expect(await found()).toEqual(given.slice(0, 3));
    expect(await readFile(at('fused', '1_Pooling', 'config.json'), 'utf8')).toBe('1_Pooling/config.json');
    await merge({ base, heads: 'separate' });
    expect(await readdir(at('fused', 'heads', 'south'))).toContain('modules.json');
  });
});
