/**
 * @file Models whose equal weights mean different things are merged only where that is asked for.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { createModel, saveModel } from '../../../shared/models/model-folder.ts';
import { quietContext } from '../../support/run-context.ts';
import { tinyConfig } from '../../support/tiny-model.ts';
import { bertTokenizerJson } from '../tokenization/tokenizer-folders.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-function-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

let count = 0;
/** Writes a model of an agent, `agent` in a folder of its own. */
async function write(agent: string, changes: object = {}, tokenizer: object = {}): Promise<string> {
  const folder = join(root, `${count++}`, agent);
  await mkdir(folder, { recursive: true });
  const config = { ...tinyConfig, num_attention_heads: 4, ...changes };
  await saveModel(folder, createModel(config, 'text-classification', ['no', 'yes'], agent.length));
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(bertTokenizerJson));
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(tokenizer));
  return folder;
}

const merge = (folders: readonly string[], options: Partial<MergeOptions> = {}) =>
  mergeContributions(folders, { method: 'simple', out: join(root, 'fused'), ...options }, quietContext);

describe('contributions that only look mergeable', () => {
  it('are refused with what each has, and how to merge them all the same', async () => {
    const folders = [
      await write('north'),
      await write('south', { num_attention_heads: 2, hidden_act: 'relu' }, { do_lower_case: false }),
    ];
    await expect(merge(folders)).rejects.toMatchObject({
      code: 'invalid-input',
      message:
        'north and south: equal weights must mean the same in both, they differ in ' +
        'num_attention_heads: north has 4, south has 2; hidden_act: north has nothing, south has "relu"; ' +
        'tokenizer.normalizer: north has lowercase true, south has lowercase false',
      hint:
        'fine-tune from one base; --allow-different num_attention_heads --allow-different hidden_act ' +
        '--allow-different tokenizer.normalizer merges them all the same',
    });
  });

  it('are merged where every difference is allowed, which report and model card say', async () => {
    const folders = [
      await write('north'),
      await write('south'),
      await write('west', { layer_norm_eps: 1e-5 }),
    ];
    await expect(merge(folders, { allowDifferent: ['hidden_act'] })).rejects.toThrow('layer_norm_eps');
    const report = await merge(folders, { allowDifferent: ['layer_norm_eps'] });
    expect(report.allowedDifferences).toEqual([
      { field: 'layer_norm_eps', values: { north: 'nothing', west: '0.00001' } },
    ]);
    expect(await readFile(join(root, 'fused', 'README.md'), 'utf8')).toContain(
      '| `layer_norm_eps` | north: nothing, west: 0.00001 |',
    );
  });

  it('are no models of one function that say it in other words', async () => {
    const folders = [
      await write('north', { hidden_act: 'gelu', position_embedding_type: 'absolute' }),
      await write('south', { layer_norm_eps: 1e-12, hidden_dropout_prob: 0.3, is_decoder: false }),
    ];
    expect((await merge(folders)).allowedDifferences).toEqual([]);
  });
});
